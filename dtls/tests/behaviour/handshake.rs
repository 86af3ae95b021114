//! What the two sides agree on, and how an end comes about.

use std::time::Duration;

use duologue_dtls::*;
use duologue_netsim::Link;

use crate::common::*;

#[test]
fn the_handshake_takes_four_flights() {
    let link = Link { delay: Duration::from_millis(50), ..Link::default() };
    let (mut network, mut peers) = network(&link, [config(CLIENT), config(SERVER)], 1);
    let limit = network.now() + Duration::from_secs(1);
    assert!(network.run_until(&mut peers, limit, both_connected));
    assert_eq!(network.elapsed(), Duration::from_millis(200));
    assert_eq!(network.stats().sent, 4, "each flight is one datagram at an MTU of 1200");
}

#[test]
fn every_suite_group_and_profile_is_agreed_on_and_exports_equal_keys() {
    let profiles = [
        SrtpProfile::Aes128CmHmacSha1_80,
        SrtpProfile::Aes128CmHmacSha1_32,
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
    ];
    for suite in CipherSuite::ALL {
        for group in NamedGroup::ALL {
            for profile in profiles {
                for narrow in [CLIENT, SERVER] {
                    let mut configs = [config(CLIENT), config(SERVER)];
                    configs.iter_mut().for_each(|config| config.srtp_profiles = profiles.to_vec());
                    configs[narrow].cipher_suites = vec![suite];
                    configs[narrow].groups = vec![group];
                    configs[narrow].srtp_profiles = vec![profile];
                    let (mut peers, now) = connected_pair(configs);
                    let mut keys = [[0; 60]; 2];
                    for (peer, keys) in peers.iter().zip(&mut keys) {
                        let connected = peer.connected().unwrap();
                        assert_eq!((connected.cipher_suite, connected.group), (suite, group));
                        assert_eq!(connected.srtp_profile, Some(profile));
                        let export = |context, out: &mut [u8]| {
                            peer.connection
                                .export_keying_material("EXTRACTOR-dtls_srtp", context, out)
                                .unwrap();
                        };
                        let mut other = [0; 60];
                        export(Some(&b""[..]), &mut other);
                        export(None, keys);
                        assert_ne!(*keys, other, "an empty context is not the same as none");
                    }
                    assert_eq!(keys[0], keys[1]);
                    let mut record = sealed(&mut peers[CLIENT], b"data");
                    assert_eq!(record.len(), 4 + peers[CLIENT].connection.overhead());
                    peers[SERVER].take(now, &mut record);
                    assert_eq!(peers[SERVER].received, [b"data"]);
                }
            }
        }
    }
}

#[test]
fn the_cookie_exchange_takes_six_flights() {
    let mut configs = [config(CLIENT), config(SERVER)];
    configs[SERVER].cookie_exchange = true;
    let link = Link { delay: Duration::from_millis(50), ..Link::default() };
    let (mut network, mut peers) = network(&link, configs, 1);
    let limit = network.now() + Duration::from_secs(1);
    assert!(network.run_until(&mut peers, limit, both_connected));
    assert_eq!(network.elapsed(), Duration::from_millis(300));
}

#[test]
fn a_wrong_certificate_ends_the_handshake_and_the_peer_gets_nothing() {
    for side in [CLIENT, SERVER] {
        let (mut network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
        let now = network.now();
        let deceived = std::sync::Arc::new(config(side));
        let expected = vec![fingerprint(2)];
        peers[side] = Peer::of(side, Connection::new(deceived, role(side), expected, [9; 32], now));
        peers[1 - side].outbox.push_back(b"secret".to_vec());
        network.run_to(&mut peers, now + Duration::from_secs(40));
        assert_eq!(peers[side].events, [Event::Failed(Failure::WrongCertificate)]);
        assert!(peers[side].received.is_empty());
        let other = &peers[1 - side];
        let hint = Some(Hint::Alert(AlertDescription::BAD_CERTIFICATE));
        assert_eq!(other.events, [Event::Failed(Failure::Timeout { hint })]);
        assert!(other.received.is_empty());
    }
}

#[test]
fn of_several_fingerprints_the_set_of_the_most_preferred_hash_counts() {
    let provider = crypto::rust_crypto();
    let of = |side: usize, hash| identity(side).fingerprint(provider, &hash);
    let sha1: Fingerprint = "sha-1 00:01:02".parse().unwrap();
    let (strong, strong_other) = (of(SERVER, FingerprintHash::Sha512), of(2, FingerprintHash::Sha512));
    let (weak, weak_other) = (of(SERVER, FingerprintHash::Sha256), of(2, FingerprintHash::Sha256));
    let cases = [
        (vec![weak.clone()], true),
        (vec![weak_other.clone(), weak.clone()], true),
        (vec![weak_other.clone(), strong.clone()], true),
        (vec![strong_other.clone(), strong, weak_other], true),
        (vec![strong_other, weak.clone()], false),
        (vec![sha1.clone(), weak], true),
        (vec![sha1], false),
        (vec![], false),
    ];
    for (fingerprints, accepted) in cases {
        let (mut network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
        let now = network.now();
        let client = std::sync::Arc::new(config(CLIENT));
        peers[CLIENT] = Peer::of(CLIENT, Connection::new(client, Role::Client, fingerprints, [9; 32], now));
        network.run_to(&mut peers, now + Duration::from_secs(1));
        assert_eq!(peers[CLIENT].connected().is_some(), accepted);
        let failed = [Event::Failed(Failure::WrongCertificate)];
        assert_eq!(peers[CLIENT].events == failed, !accepted);
    }
}

#[test]
fn without_anything_in_common_the_server_fails_with_the_reason() {
    for failure in [Failure::NoCommonCipherSuite, Failure::NoCommonGroup] {
        let mut configs = [config(CLIENT), config(SERVER)];
        if failure == Failure::NoCommonCipherSuite {
            configs[CLIENT].cipher_suites = vec![CipherSuite::EcdheEcdsaAes128GcmSha256];
            configs[SERVER].cipher_suites = vec![CipherSuite::EcdheEcdsaAes256GcmSha384];
        } else {
            configs[CLIENT].groups = vec![NamedGroup::Secp256r1];
            configs[SERVER].groups = vec![NamedGroup::X25519];
        }
        let (mut network, mut peers) = network(&Link::default(), configs, 1);
        let limit = network.now() + Duration::from_secs(40);
        network.run_to(&mut peers, limit);
        assert_eq!(peers[SERVER].events, [Event::Failed(failure)]);
        let hint = Some(Hint::Alert(AlertDescription::HANDSHAKE_FAILURE));
        assert_eq!(peers[CLIENT].events, [Event::Failed(Failure::Timeout { hint })]);
    }
}

#[test]
fn without_common_srtp_profiles_the_connection_has_none() {
    let mut configs = [config(CLIENT), config(SERVER)];
    configs[CLIENT].srtp_profiles = vec![SrtpProfile::AeadAes128Gcm];
    configs[SERVER].srtp_profiles = vec![SrtpProfile::AeadAes256Gcm];
    let (peers, _) = connected_pair(configs);
    assert_eq!(peers.map(|peer| peer.connected().unwrap().srtp_profile), [None, None]);
}

#[test]
fn both_sides_log_the_same_key_before_they_are_connected_and_only_when_asked() {
    let mut configs = [config(CLIENT), config(SERVER)];
    configs.iter_mut().for_each(|config| config.key_log = true);
    let (peers, _) = connected_pair(configs);
    let lines = peers.map(|peer| match &peer.events[..] {
        [Event::KeyLog(line), Event::Connected(_)] => {
            assert!(!format!("{line:?}").contains("CLIENT_RANDOM"));
            line.to_string()
        }
        events => panic!("{events:?}"),
    });
    assert_eq!(lines[0], lines[1]);
    let words: Vec<&str> = lines[0].split(' ').collect();
    assert_eq!((words[0], words[1].len(), words[2].len()), ("CLIENT_RANDOM", 64, 96));
    let (peers, _) = connected_pair([config(CLIENT), config(SERVER)]);
    assert_eq!(peers.map(|peer| peer.events.len()), [1, 1]);
}

#[test]
fn a_close_reaches_the_peer_and_both_sides_end() {
    for closer in [CLIENT, SERVER] {
        let (mut network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
        let limit = network.now() + Duration::from_secs(1);
        assert!(network.run_until(&mut peers, limit, both_connected));
        peers[closer].connection.close(limit);
        network.run_to(&mut peers, limit);
        assert_eq!(peers[closer].ended(), Some(&Event::Closed(ClosedBy::Us)));
        assert_eq!(peers[1 - closer].ended(), Some(&Event::Closed(ClosedBy::Peer)));
        for peer in &mut peers {
            assert_eq!(peer.connection.poll_timeout(), None);
            assert_eq!(peer.connection.send(b"late", &mut Vec::new()), Err(SendError::Ended));
            assert_eq!(peer.connection.peer_certificate(), None);
        }
    }
}

#[test]
fn a_close_that_nobody_polls_ends_after_a_second() {
    let (mut peers, now) = connected_pair([config(CLIENT), config(SERVER)]);
    let connection = &mut peers[CLIENT].connection;
    connection.close(now);
    assert_eq!(connection.poll_event(), None);
    let deadline = connection.poll_timeout().unwrap();
    assert_eq!(deadline, now + Duration::from_secs(1));
    connection.handle_timeout(deadline);
    assert_eq!(connection.poll_event(), Some(Event::Closed(ClosedBy::Us)));
    assert_eq!(connection.poll_transmit(deadline, 1500, &mut Vec::new()), None);
}

#[test]
fn a_handshake_without_a_peer_times_out_after_its_limit() {
    for side in [CLIENT, SERVER] {
        let mut configs = [config(CLIENT), config(SERVER)];
        configs[side].handshake_timeout = Duration::from_secs(5);
        let (mut network, peers) = network(&Link::default(), configs, 1);
        let mut peers = peers.into_iter().skip(side).take(1).collect::<Vec<_>>();
        let limit = network.now() + Duration::from_secs(60);
        assert!(network.run_until(&mut peers, limit, |peers| peers[0].ended().is_some()));
        assert_eq!(network.elapsed(), Duration::from_secs(5));
        assert_eq!(peers[0].events, [Event::Failed(Failure::Timeout { hint: None })]);
    }
}

#[test]
fn equal_seeds_give_equal_datagrams_and_other_seeds_do_not() {
    let run = |seed: u8| {
        let (mut network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], seed);
        network.start_capture();
        let limit = network.now() + Duration::from_secs(1);
        assert!(network.run_until(&mut peers, limit, both_connected));
        network.capture().unwrap().to_vec()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn providers_work_with_each_other() {
    for side in [CLIENT, SERVER] {
        let mut configs = [config(CLIENT), config(SERVER)];
        configs[side].provider = crypto::aws_lc_rs();
        let (peers, _) = connected_pair(configs);
        assert!(peers.iter().all(|peer| peer.connected().is_some()));
        assert_eq!(peers[0].connection.peer_certificate(), Some(identity(SERVER).certificate()));
    }
}
