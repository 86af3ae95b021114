//! Statistics of the transport: ICE, DTLS, and the certificates.

use crate::event::CloseReason;
use crate::peer_connection::{PeerConnection, Phase, Security};
use duologue_dtls as dtls;
use duologue_ice as ice;
use duologue_sdp::jsep::DtlsRole;
use std::net::SocketAddr;

/// The connection's one transport (the W3C's `transport`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportStats<'a> {
    /// Datagrams sent, those of ICE left out.
    pub packets_sent: u64,
    /// Datagrams received from qualified sources, those of ICE left out.
    pub packets_received: u64,
    /// Bytes of those that were sent.
    pub bytes_sent: u64,
    /// Bytes of those that were received.
    pub bytes_received: u64,
    /// The role in ICE; `None` until there is an offer.
    pub ice_role: Option<ice::Role>,
    /// The user name fragment of ICE.
    pub ice_local_username_fragment: &'a str,
    /// The state of ICE.
    pub ice_state: ice::State,
    /// The state of DTLS.
    pub dtls_state: DtlsTransportState,
    /// The role in DTLS; `None` until it is agreed on.
    pub dtls_role: Option<dtls::Role>,
    /// The version of DTLS, as four hexadecimal digits: `FEFD` is 1.2.
    pub tls_version: Option<&'static str>,
    /// The cipher suite, by its name in
    /// [IANA's registry](https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-4).
    pub dtls_cipher: Option<&'static str>,
    /// The SRTP protection profile, by its name in
    /// [IANA's registry](https://www.iana.org/assignments/srtp-protection/srtp-protection.xhtml): `SRTP_AEAD_AES_128_GCM`.
    pub srtp_cipher: Option<&'static str>,
    /// The candidate pair that payload leaves on.
    pub selected_candidate_pair: Option<ice::PairId>,
    /// How often that has changed, the first choice among them.
    pub selected_candidate_pair_changes: u64,
}

/// The state of DTLS, as `RTCDtlsTransportState` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsTransportState {
    /// It has not begun.
    New,
    /// The handshake is under way.
    Connecting,
    /// The peer is verified.
    Connected,
    /// It has ended in order.
    Closed,
    /// It has failed. Once [`Event::Closed`](crate::Event::Closed) is due, this is `Closed`.
    Failed,
}

/// A candidate pair (the W3C's `candidate-pair`).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CandidatePairStats {
    /// Which.
    pub id: ice::PairId,
    /// Its addresses as on the wire: the remote one is the TURN server's when it relays for us.
    pub path: ice::Path,
    /// The address of its local candidate's base: our own, or the relayed one.
    pub local: SocketAddr,
    /// The kind of its local candidate: host, which stands for the server-reflexive ones of that base too, or relayed.
    pub local_candidate_type: ice::Kind,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our address as the peer sees it on this path, once the peer has answered.
    pub mapped: Option<SocketAddr>,
    /// The kind of its remote candidate.
    pub remote_candidate_type: ice::Kind,
    /// How far its checks have come.
    pub state: ice::PairPhase,
    /// Whether it is nominated.
    pub nominated: bool,
    /// Whether payload leaves on it.
    pub selected: bool,
    /// Its priority ([RFC 8445, Section 6.1.2.3](https://www.rfc-editor.org/rfc/rfc8445#section-6.1.2.3)).
    pub priority: u64,
    /// The newest round trip, in seconds, once measured.
    pub current_round_trip_time: Option<f64>,
    /// The sum of all measured, in seconds.
    pub total_round_trip_time: f64,
    /// Checks sent, those of consent and retransmissions left out.
    pub requests_sent: u64,
    /// Checks received; those of consent look the same.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Answers received.
    pub responses_received: u64,
    /// Checks of consent sent ([RFC 7675](https://www.rfc-editor.org/rfc/rfc7675)).
    pub consent_requests_sent: u64,
}

/// A certificate (the W3C's `certificate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateStats<'a> {
    /// Whether it is the peer's.
    pub remote: bool,
    /// The hash of it; descriptions have it in hexadecimal, with colons between the bytes.
    pub fingerprint: &'a [u8],
    /// The hash function's name ([RFC 8122, Section 5](https://www.rfc-editor.org/rfc/rfc8122#section-5)).
    pub fingerprint_algorithm: &'a str,
    /// The certificate in DER; the W3C has this in Base64.
    pub certificate: &'a [u8],
}

impl PeerConnection {
    /// Statistics of the transport.
    #[must_use]
    pub fn transport(&self) -> TransportStats<'_> {
        let (counters, ice) = (&self.counters, self.ice.stats());
        let negotiator = &self.signalling.negotiator;
        let agreed = self.established().and_then(dtls::Connection::agreed);
        TransportStats {
            packets_sent: counters.datagrams_sent.saturating_sub(ice.datagrams_sent),
            packets_received: ice.payload_datagrams_received,
            bytes_sent: counters.bytes_sent.saturating_sub(ice.bytes_sent),
            bytes_received: ice.payload_bytes_received,
            ice_role: negotiator.is_offerer().map(|_| self.ice.role()),
            ice_local_username_fragment: self.ice.local_credentials().ufrag(),
            ice_state: self.ice.state(),
            dtls_state: self.dtls_state(),
            dtls_role: negotiator.dtls_role().map(|role| match role {
                DtlsRole::Client => dtls::Role::Client,
                DtlsRole::Server => dtls::Role::Server,
            }),
            tls_version: agreed.and_then(|agreed| match agreed.version {
                dtls::Version::Dtls12 => Some("FEFD"),
                _ => None,
            }),
            dtls_cipher: agreed.map(|agreed| agreed.cipher_suite.name()),
            srtp_cipher: agreed.and_then(|agreed| agreed.srtp_profile).map(dtls::SrtpProfile::name),
            selected_candidate_pair: self.ice.sending_path().map(|path| path.pair()),
            selected_candidate_pair_changes: ice.selected_pair_changes,
        }
    }

    /// Statistics of every candidate pair.
    pub fn candidate_pairs(&self) -> impl Iterator<Item = CandidatePairStats> {
        self.ice.pairs().map(|pair| CandidatePairStats {
            id: pair.id,
            path: pair.path,
            local: pair.local,
            local_candidate_type: pair.local_kind,
            remote: pair.remote,
            mapped: pair.mapped,
            remote_candidate_type: pair.remote_kind,
            state: pair.phase,
            nominated: pair.nominated,
            selected: pair.selected,
            priority: pair.priority,
            current_round_trip_time: pair.last_round_trip.map(|time| time.as_secs_f64()),
            total_round_trip_time: pair.total_round_trip.as_secs_f64(),
            requests_sent: pair
                .requests_sent
                .saturating_sub(pair.retransmissions_sent + pair.consent_requests_sent),
            requests_received: pair.requests_received,
            responses_sent: pair.responses_sent,
            responses_received: pair.responses_received,
            consent_requests_sent: pair.consent_requests_sent,
        })
    }

    /// Our certificate and, once it is verified, the peer's.
    pub fn certificates(&self) -> impl Iterator<Item = CertificateStats<'_>> {
        let fingerprints = &self.signalling.negotiator.local_transport().fingerprints;
        let ours = fingerprints.iter().map(|fingerprint| CertificateStats {
            remote: false,
            fingerprint: fingerprint.digest(),
            fingerprint_algorithm: fingerprint.hash().name(),
            certificate: self.config.dtls.identity.certificate(),
        });
        let theirs = self.established().and_then(|dtls| {
            let fingerprint = dtls.peer_fingerprint()?;
            Some(CertificateStats {
                remote: true,
                fingerprint: fingerprint.bytes(),
                fingerprint_algorithm: fingerprint.hash().name(),
                certificate: dtls.peer_certificate()?,
            })
        });
        ours.chain(theirs)
    }

    fn established(&self) -> Option<&dtls::Connection> {
        match &self.security {
            Security::Established { dtls, .. } => Some(dtls),
            Security::Waiting | Security::Handshaking(_) => None,
        }
    }

    fn dtls_state(&self) -> DtlsTransportState {
        match (self.phase, &self.security) {
            (Phase::Closing { reason: CloseReason::Dtls(_), .. }, _) => DtlsTransportState::Failed,
            (Phase::Closing { .. } | Phase::Ended { .. }, _) => DtlsTransportState::Closed,
            (Phase::Running, Security::Waiting) => DtlsTransportState::New,
            (Phase::Running, Security::Handshaking(_)) => DtlsTransportState::Connecting,
            (Phase::Running, Security::Established { .. }) => DtlsTransportState::Connected,
        }
    }
}
