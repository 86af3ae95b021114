//! How fast bulk data moves.

use std::time::Duration;

use crate::support::{Pair, ms, pattern};
use bytes::Bytes;
use duologue_netsim::{InterfaceId, Link, Loss};
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Kind};
use duologue_sctp::{Config, Stats};

const SIZE: usize = 65_536;

/// A pair with a channel that is kept busy.
struct Bulk {
    pair: Pair,
    channel: ChannelId,
    message: Bytes,
    received: u64,
}

impl Bulk {
    fn new(link: &Link, config: Config) -> Self {
        let mut pair = Pair::with_config(1, link, config);
        pair.connect();
        let [channel, _] = pair.open(ChannelConfig::default());
        Self { pair, channel, message: pattern(0, SIZE), received: 0 }
    }

    /// Keeps the channel busy for this long; the rate of payload in Mbit/s.
    fn run(&mut self, time: Duration) -> f64 {
        let (start, before) = (self.pair.network.now(), self.received);
        while self.pair.network.now() < start + time {
            let now = self.pair.network.now();
            let sender = &mut self.pair.peers[0].channels;
            while sender.buffered_amount(self.channel) < 4 << 20 {
                if sender.send(now, self.channel, Kind::Binary, self.message.clone()).is_err() {
                    break;
                }
            }
            self.pair.network.run_to(&mut self.pair.peers, now + ms(10));
            for message in self.pair.peers[1].messages.drain(..) {
                assert_eq!(message.payload, self.message);
                self.received += message.payload.len() as u64;
            }
        }
        (self.received - before) as f64 * 8.0 / 1e6 / time.as_secs_f64()
    }

    fn stats(&self) -> Stats {
        self.pair.peers[0].channels.stats()
    }

    fn set_loss(&mut self, interface: InterfaceId, link: &Link, loss: Loss) {
        let link = Link { loss, ..link.clone() };
        self.pair.network.set_links(interface, link, Link::default());
    }
}

/// 100 Mbit/s, 50 ms round trip, a drop-tail queue of 100 ms.
fn path() -> Link {
    Link { rate: Some(100_000_000), delay: ms(25), queue: ms(100), ..Link::default() }
}

// Of 1,209 bytes on the link, 1,116 are payload: 92.3 Mbit/s is all there is.
#[test]
fn a_hundred_megabits_at_fifty_milliseconds_with_a_drop_tail_queue_are_used() {
    let mut bulk = Bulk::new(&path(), Config::default());
    let rate = bulk.run(Duration::from_secs(20));
    let stats = bulk.stats();
    println!("{rate:.1} Mbit/s, {stats:?}");
    assert!(rate >= 90.0, "{rate:.1} Mbit/s");
    assert_eq!(stats.timeouts, 0);
}

#[test]
fn slow_start_ends_before_it_overflows_the_queue() {
    let mut bulk = Bulk::new(&path(), Config::default());
    let rate = bulk.run(Duration::from_secs(3));
    assert_eq!(bulk.pair.network.stats().queue_dropped, 0, "{rate:.1} Mbit/s, {:?}", bulk.stats());
    assert!(rate >= 80.0, "{rate:.1} Mbit/s");
}

#[test]
fn more_gaps_than_a_sack_reports_do_not_end_in_a_timeout() {
    // What a packet holds, and what Chromium reports at most.
    for most in [None, Some(20)] {
        // Of 3,000 packets sent at once, each second one is lost.
        let mut config = Config::default();
        config.initial_window = 3_000;
        let lost = Loss::Listed((10..2_800).filter(|n| n % 2 == 0).collect());
        let link = Link { delay: ms(25), loss: lost, ..Link::default() };
        let mut bulk = Bulk::new(&link, config);
        bulk.pair.peers[0].most_gaps = most;
        let back = bulk.pair.interfaces[1];
        bulk.set_loss(back, &link, Loss::None);
        let rate = bulk.run(Duration::from_secs(4));
        let (stats, lost) = (bulk.stats(), bulk.pair.network.stats().lost);
        println!("{most:?} gaps: {rate:.1} Mbit/s, {lost} lost, {stats:?}");
        assert!(lost >= 1_000);
        assert_eq!(stats.timeouts, 0);
        assert!(stats.retransmissions < lost + lost / 10, "{} sent again", stats.retransmissions);
        assert!(bulk.received > 20_000_000, "{} bytes", bulk.received);
    }
}

#[test]
fn an_overshoot_that_loses_fifteen_hundred_packets_at_once_is_recovered_in_a_few_round_trips() {
    let mut config = Config::default();
    config.initial_window = 3_000;
    let mut bulk = Bulk::new(&path(), config);
    let first = bulk.run(Duration::from_secs(1));
    let lost = bulk.pair.network.stats().queue_dropped;
    let second = bulk.run(Duration::from_secs(4));
    let stats = bulk.stats();
    println!("{first:.1} then {second:.1} Mbit/s, {lost} lost, {stats:?}");
    assert!(lost >= 1_000, "{lost} packets were lost");
    assert!(first >= 60.0 && second >= 85.0, "{first:.1}, {second:.1} Mbit/s");
}

#[test]
fn every_second_packet_lost_for_a_round_trip_leaves_more_gaps_than_a_sack_holds_and_is_recovered() {
    let mut bulk = Bulk::new(&path(), Config::default());
    bulk.run(Duration::from_secs(5));
    let before = bulk.pair.network.stats().lost;
    let interface = bulk.pair.interfaces[0];
    bulk.set_loss(interface, &path(), Loss::Random(0.5));
    bulk.run(ms(150));
    bulk.set_loss(interface, &path(), Loss::None);
    let lost = bulk.pair.network.stats().lost - before;
    let first = bulk.run(Duration::from_secs(2));
    let second = bulk.run(Duration::from_secs(5));
    let stats = bulk.stats();
    println!("{first:.1} then {second:.1} Mbit/s, {lost} lost, {stats:?}");
    assert!(lost >= 500, "{lost} packets were lost");
    assert!(first >= 30.0 && second >= 40.0, "{first:.1}, {second:.1} Mbit/s");
}

#[test]
fn a_cut_of_five_seconds_is_recovered_from() {
    let mut bulk = Bulk::new(&path(), Config::default());
    bulk.run(Duration::from_secs(2));
    let interface = bulk.pair.interfaces[0];
    bulk.set_loss(interface, &path(), Loss::All);
    assert!(bulk.run(Duration::from_secs(5)) < 20.0);
    bulk.set_loss(interface, &path(), Loss::None);
    bulk.run(Duration::from_secs(5));
    let after = bulk.run(Duration::from_secs(5));
    println!("{after:.1} Mbit/s, {:?}", bulk.stats());
    assert!(after >= 40.0, "{after:.1} Mbit/s");
    assert!(bulk.stats().timeouts > 0);
}

#[test]
fn one_percent_of_random_loss_leaves_what_the_response_function_of_reno_gives() {
    let link = Link { loss: Loss::Random(0.01), ..path() };
    let mut bulk = Bulk::new(&link, Config::default());
    let rate = bulk.run(Duration::from_secs(20));
    println!("{rate:.2} Mbit/s, {:?}", bulk.stats());
    assert!(rate >= 1.8, "{rate:.2} Mbit/s");
}
