//! What strangers, forgers and replayers send changes nothing but a counter.
use crate::support::{ALICE, BOB, Call, Setup};
use duologue::{ChannelConfig, ConnectionState, Discard};
use duologue_netsim::{Addresses, Link};
use proptest::prelude::*;
use std::time::Duration;

/// Everything that both peers send in a call, to be sent again by somebody else.
fn recorded_call(seed: u64) -> Vec<(Addresses, Vec<u8>)> {
    let mut call = Call::new(&Setup::new(seed));
    for who in [ALICE, BOB] {
        call.peer(who).sent = Some(Vec::new());
    }
    finish(&mut call);
    [ALICE, BOB].into_iter().flat_map(|who| call.peer(who).sent.take().unwrap()).collect()
}

/// A whole call: it opens, a message goes each way.
fn finish(call: &mut Call) {
    let now = call.now();
    call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    call.negotiate();
    talk(call);
}

fn talk(call: &mut Call) {
    assert!(call.run(60, |call| call.is_open("chat")));
    for who in [ALICE, BOB] {
        let now = call.now();
        let channel = call.peer(who).channel("chat").unwrap();
        call.peer(who).send(now, channel, vec![7; 3_000]);
    }
    assert!(call.run(60, |call| [ALICE, BOB].iter().all(|who| call.peer(*who).messages.len() == 1)));
    assert!(call.is_connected());
}

/// A call during which `attack` is asked at every moment for datagrams of a stranger's.
fn attacked(setup: &Setup, mut attack: impl FnMut(&mut Call, u32)) -> Call {
    let mut call = Call::new(setup);
    let now = call.now();
    call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    call.negotiate();
    let (mut step, mut last) = (0, None);
    let open = call.run(120, |call| {
        // Once for each moment: a stranger's datagrams arrive at once, and make no moments of their own.
        if last.replace(call.now()) != Some(call.now()) {
            step += 1;
            attack(call, step);
        }
        call.is_open("chat")
    });
    assert!(open, "{:?}", call.peer(ALICE).discards);
    talk(&mut call);
    call
}

/// The addresses of a datagram from the other peer, as a forger who knows them writes them.
fn towards(who: usize) -> Addresses {
    let address = |who| format!("{}:{}", Call::address(who), [5000, 6000][who]).parse().unwrap();
    Addresses { source: address(1 - who), destination: address(who) }
}

#[test]
fn another_call_replayed_at_every_moment_changes_nothing() {
    let stranger = recorded_call(99);
    let mut sent = 0;
    let mut call = attacked(&Setup::new(1), |call, step| {
        // Off path: the stranger's own address, and somebody's who is known to neither peer.
        let (addresses, bytes) = &stranger[step as usize % stranger.len()];
        let source = "192.0.2.66:6666".parse().unwrap();
        call.network.inject(Addresses { source, ..*addresses }, bytes);
        sent += 1;
    });
    let discarded: usize = [ALICE, BOB].iter().map(|who| call.peer(*who).discards.len()).sum();
    assert!(sent > 10 && discarded > 0, "{sent} {discarded}");
}

#[test]
fn a_calls_own_datagrams_replayed_from_another_address_change_nothing() {
    let mut call = Call::connected(&Setup::new(2));
    for who in [ALICE, BOB] {
        call.peer(who).sent = Some(Vec::new());
    }
    talk(&mut call);
    let own: Vec<_> = [ALICE, BOB].into_iter().flat_map(|who| call.peer(who).sent.take().unwrap()).collect();
    let before = [ALICE, BOB].map(|who| call.peer(who).connection.stats());
    for (addresses, bytes) in &own {
        // From elsewhere, and from where they came from.
        call.network.inject(Addresses { source: "192.0.2.66:6666".parse().unwrap(), ..*addresses }, bytes);
        call.network.inject(*addresses, bytes);
    }
    call.wait(1);
    for who in [ALICE, BOB] {
        let (before, after) = (before[who], call.peer(who).connection.stats());
        assert_eq!(call.peer(who).messages.len(), 1);
        assert!(after.discarded_total() > before.discarded_total());
        assert_eq!(after.sctp.messages_received, before.sctp.messages_received);
    }
    assert!(call.is_connected());
}

#[test]
fn corrupted_datagrams_are_repaired_by_retransmission() {
    let link = Link { delay: Duration::from_millis(10), corrupt: 0.2, ..Link::default() };
    let mut corrupted = 0;
    for seed in 0..50 {
        let mut call = Call::connected(&Setup::new(seed));
        for who in [ALICE, BOB] {
            call.network.set_links(call.cables[who], link.clone(), Link::default());
        }
        talk(&mut call);
        call.wait(30);
        assert!(call.is_connected());
        corrupted += call.network.stats().corrupted;
    }
    assert!(corrupted > 100, "{corrupted}");
}

#[test]
fn noise_on_the_peers_own_address_never_stops_a_call() {
    let first_bytes = [0, 3, 19, 20, 21, 22, 23, 25, 63, 64, 79, 128, 191, 255];
    let mut call = attacked(&Setup::new(3), |call, step| {
        let first = first_bytes[step as usize % first_bytes.len()];
        let mut bytes = vec![first, 254, 253, 0, u8::try_from(step % 3).unwrap(), 0, 0, 0];
        bytes.resize(8 + step as usize % 90, 7);
        call.network.inject(towards(ALICE), &bytes);
        call.network.inject(towards(BOB), &bytes);
    });
    let stats = call.peer(ALICE).connection.stats();
    assert!(stats.discarded(Discard::UnknownProtocol) > 0);
    assert!(stats.discarded(Discard::Rtp(duologue::rtp::Discard::NoKeys)) > 0);
}

#[test]
fn dtls_of_a_source_that_never_qualifies_fills_a_bounded_store_and_nothing_else() {
    let mut call = Call::new(&Setup::new(4));
    for port in 0..2_000 {
        let source = format!("192.0.2.66:{}", 1000 + port).parse().unwrap();
        let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0];
        call.network.inject(Addresses { source, ..towards(BOB) }, &hello);
    }
    finish(&mut call);
    let stats = call.peer(BOB).connection.stats();
    assert!(stats.discarded(Discard::EarlyStoreFull) > 1_900, "{stats:?}");
}

#[test]
fn nothing_leaves_before_both_descriptions_are_set() {
    let mut call = Call::new(&Setup::new(5));
    let now = call.now();
    call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    let offer = call.peer(ALICE).connection.create_offer().unwrap();
    call.peer(ALICE).connection.set_local_description(now, &offer).unwrap();
    call.peer(ALICE).sent = Some(Vec::new());
    call.wait(30);
    let sent = call.peer(ALICE).sent.take().unwrap();
    // Only the STUN server was asked.
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|(addresses, _)| addresses.destination == crate::support::STUN.parse().unwrap()));
    assert_eq!(call.peer(ALICE).connection.connection_state(), ConnectionState::New);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn forged_datagrams_from_the_peers_address_after_the_keys_change_nothing(
        seed in 0..10_000u64,
        forged in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut call = Call::connected(&Setup::new(seed));
        call.peer(ALICE).sent = Some(Vec::new());
        talk(&mut call);
        let own = call.peer(ALICE).sent.take().unwrap();
        for bytes in &forged {
            call.network.inject(towards(BOB), bytes);
        }
        for (index, flip) in &flips {
            let (addresses, mut bytes) = index.get(&own).clone();
            let at = usize::from(*flip) % bytes.len();
            bytes[at] ^= flip | 1;
            call.network.inject(addresses, &bytes);
        }
        call.wait(1);
        prop_assert_eq!(call.peer(BOB).messages.len(), 1);
        prop_assert!(call.is_connected());
        prop_assert!(!call.peer(BOB).discards.is_empty());
        call.peer(BOB).messages.clear();
        call.peer(ALICE).messages.clear();
        talk(&mut call);
    }
}
