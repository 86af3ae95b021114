//! The connection's statistics as JSON, with the W3C's names and units: what `getStats` would give if this were a browser.

use crate::peer::Peer;
use duologue::ice::Transport;
use duologue::{PeerConnection, TrackKind, Transceiver};
use serde_json::{Value, json};
use std::time::Instant;

/// What `GET /stats` answers: the entries, what feedback tells of arrivals, and what was lost and delayed on purpose.
pub(crate) fn tell(now: Instant, peer: &Peer) -> Value {
    let connection = &peer.connection;
    let entries = inbound(now, connection).chain(outbound(connection)).chain(remote(now, connection));
    let ways = [("inwards", peer.network.inwards.counts()), ("outwards", peer.network.outwards.counts())];
    let network = ways.map(|(name, (passed, lost))| (name, json!({ "passed": passed, "lost": lost })));
    let rtp = connection.stats().rtp;
    json!({
        "feedback": {
            "sent": rtp.told.sent,
            "received": rtp.told.received,
            "lost": rtp.told.lost,
            "neverSent": rtp.told.never_sent,
            "bytesInFlight": rtp.told.bytes_in_flight,
            "transportFeedbackSent": rtp.transport_feedback_sent,
            "transportFeedbackReceived": rtp.transport_feedback_received,
            "ccfbMessagesSent": rtp.congestion_control_feedback_sent,
            "ccfbMessagesReceived": rtp.congestion_control_feedback_received,
        },
        "entries": entries.chain(transport(connection)).collect::<Vec<_>>(),
        "network": network.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

fn inbound(now: Instant, connection: &PeerConnection) -> impl Iterator<Item = Value> {
    connection.inbound_rtp().map(move |one| {
        let codec = connection.transceiver(one.transceiver).map(Transceiver::receive_codecs);
        let mut codecs = codec.into_iter().flatten();
        let codec = codecs.find(|codec| codec.payload_type.get() == one.payload_type.get());
        json!({
            "type": "inbound-rtp",
            "trackIdentifier": one.track_identifier,
            "kind": kind(one.kind),
            "mid": one.mid,
            "rid": one.rid,
            "ssrc": one.ssrc.0,
            "codec": codec.map(|codec| codec.name.as_str()),
            "packetsReceived": one.packets_received,
            "bytesReceived": one.bytes_received,
            "headerBytesReceived": one.header_bytes_received,
            "packetsLost": one.packets_lost,
            "jitter": one.jitter,
            "framesReceived": one.frames_received,
            "keyFramesReceived": one.key_frames_received,
            "nackCount": one.nack_count,
            "pliCount": one.pli_count,
            "firCount": one.fir_count,
            "retransmittedPacketsReceived": one.retransmitted_packets_received,
            "lastPacketAge": now.saturating_duration_since(one.last_packet_received_timestamp).as_secs_f64(),
        })
    })
}

fn outbound(connection: &PeerConnection) -> impl Iterator<Item = Value> {
    connection.outbound_rtp().map(|one| {
        json!({
            "type": "outbound-rtp",
            "kind": one.kind.map(kind),
            "mid": one.mid,
            "rid": one.rid,
            "ssrc": one.ssrc.0,
            "active": one.active,
            "packetsSent": one.packets_sent,
            "bytesSent": one.bytes_sent,
            "headerBytesSent": one.header_bytes_sent,
            "framesSent": one.frames_sent,
            "nackCount": one.nack_count,
            "pliCount": one.pli_count,
            "firCount": one.fir_count,
            "retransmittedPacketsSent": one.retransmitted_packets_sent,
        })
    })
}

/// What the browser reports, of what it gets and of what it sends.
fn remote(now: Instant, connection: &PeerConnection) -> impl Iterator<Item = Value> {
    let age = move |at: Instant| now.saturating_duration_since(at).as_secs_f64();
    let inbound = connection.remote_inbound_rtp().map(move |one| {
        json!({
            "type": "remote-inbound-rtp",
            "kind": kind(one.kind),
            "ssrc": one.ssrc.0,
            "age": age(one.timestamp),
            "packetsLost": one.packets_lost,
            "fractionLost": one.fraction_lost,
            "jitter": one.jitter,
            "roundTripTime": one.round_trip_time,
            "totalRoundTripTime": one.total_round_trip_time,
            "roundTripTimeMeasurements": one.round_trip_time_measurements,
        })
    });
    let outbound = connection.remote_outbound_rtp().map(move |one| {
        json!({
            "type": "remote-outbound-rtp",
            "kind": kind(one.kind),
            "ssrc": one.ssrc.0,
            "age": age(one.timestamp),
            "packetsSent": one.packets_sent,
            "bytesSent": one.bytes_sent,
            "reportsSent": one.reports_sent,
        })
    });
    inbound.chain(outbound)
}

fn transport(connection: &PeerConnection) -> impl Iterator<Item = Value> {
    let one = connection.transport();
    let transport = json!({
        "type": "transport",
        "packetsSent": one.packets_sent,
        "packetsReceived": one.packets_received,
        "bytesSent": one.bytes_sent,
        "bytesReceived": one.bytes_received,
        "tlsVersion": one.tls_version,
        "dtlsCipher": one.dtls_cipher,
        "srtpCipher": one.srtp_cipher,
    });
    let pairs = connection.candidate_pairs().filter(|pair| pair.selected).map(|pair| {
        json!({
            "type": "candidate-pair",
            "protocol": match pair.path.transport {
                Transport::Udp => "udp",
                Transport::Tls => "tls",
                _ => "tcp",
            },
            "local": pair.path.local.to_string(),
            "remote": pair.path.remote.to_string(),
            "nominated": pair.nominated,
            "currentRoundTripTime": pair.current_round_trip_time,
        })
    });
    std::iter::once(transport).chain(pairs)
}

fn kind(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
    }
}
