//! Moves what one layer tells into the next: ICE starts DTLS, DTLS starts SCTP.

use crate::event::{CloseReason, ConnectionState, Event};
use crate::peer_connection::{PeerConnection, Phase, Security};
use duologue_dtls as dtls;
use duologue_ice as ice;
use duologue_rtp::{self as rtp, srtp};
use duologue_sdp::jsep::DtlsRole;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The most rounds of one pump; what is left waits for the next input.
const BUDGET: usize = 64;

impl PeerConnection {
    pub(crate) fn pump(&mut self) {
        for _ in 0..BUDGET {
            let moved = self.pump_ice()
                | self.start_dtls()
                | self.pump_dtls()
                | self.start_sctp()
                | self.take_early_data();
            if !moved {
                break;
            }
        }
        self.update_state();
    }

    fn pump_ice(&mut self) -> bool {
        let mut moved = false;
        while let Some(event) = self.ice.poll_event() {
            moved = true;
            match event {
                ice::Event::LocalCandidate(candidate) => {
                    self.signalling.add_candidate(self.ice.local_credentials().ufrag(), &candidate);
                }
                ice::Event::GatheringStateChanged(state) => {
                    if state == ice::GatheringState::Complete {
                        let ufrag = self.ice.local_credentials().ufrag();
                        self.signalling.negotiator.end_of_local_candidates(ufrag);
                    }
                    self.events.push_back(Event::IceGatheringStateChange(state));
                }
                ice::Event::SourceQualified { source, .. } => self.early.qualify(source),
                ice::Event::SelectedPairChanged(_) => self.path_changed(),
                ice::Event::CandidateError(failure) => {
                    self.events.push_back(Event::IceCandidateError(failure))
                }
                ice::Event::OpenStream(request) => self.events.push_back(Event::OpenStream(request)),
                ice::Event::CloseStream(id) => self.events.push_back(Event::CloseStream(id)),
                ice::Event::TokenWanted { server, name } => {
                    self.events.push_back(Event::TurnTokenWanted { server, name });
                }
                ice::Event::ResolveName(name) => self.events.push_back(Event::ResolveName(name)),
                ice::Event::Closed => self.ice_closed = true,
                ice::Event::PreviousSessionEnded => self.users_changed = true,
                ice::Event::StateChanged(state) => {
                    let works = matches!(state, ice::State::Connected | ice::State::Completed);
                    if works && self.state == ConnectionState::Disconnected {
                        self.channels.path_restored(self.now);
                    }
                    // What was not told is not worth telling any more.
                    self.events.retain(|event| !matches!(event, Event::IceConnectionStateChange(_)));
                    self.events.push_back(Event::IceConnectionStateChange(state));
                }
                _ => {}
            }
        }
        moved
    }

    fn path_changed(&mut self) {
        if let Some(path) = self.ice.sending_path() {
            self.events.retain(|event| !matches!(event, Event::SelectedPathChange(_)));
            self.events.push_back(Event::SelectedPathChange(path.path()));
            if self.sctp_started {
                // The path before may have died with what is waited for.
                self.channels.path_restored(self.now);
            }
        }
        if let Some(round_trip) = self.ice.round_trip() {
            self.media.session.set_round_trip(round_trip);
            if let Some(dtls) = self.security.dtls() {
                dtls.set_round_trip(round_trip);
            }
        }
    }

    /// DTLS starts on the first path that works, without waiting for nomination, once roles and fingerprints are known.
    fn start_dtls(&mut self) -> bool {
        let negotiator = &self.signalling.negotiator;
        let ready = matches!(self.security, Security::Waiting) && self.phase == Phase::Running;
        let (Some(role), Some(remote), Some(_), true) =
            (negotiator.dtls_role(), negotiator.remote_transport(), self.ice.sending_path(), ready)
        else {
            return false;
        };
        let role = match role {
            DtlsRole::Client => dtls::Role::Client,
            DtlsRole::Server => dtls::Role::Server,
        };
        let fingerprints =
            remote.fingerprints.iter().filter_map(|one| one.to_string().parse().ok()).collect();
        let seed = self.seeds.derive(crate::seed::Label::Dtls);
        let mut dtls =
            dtls::Connection::new(Arc::clone(&self.config.dtls), role, fingerprints, seed, self.now);
        dtls.set_mtu(self.config.mtu);
        if let Some(round_trip) = self.ice.round_trip() {
            dtls.set_round_trip(round_trip);
        }
        self.security = Security::Handshaking(Box::new(dtls));
        true
    }

    fn pump_dtls(&mut self) -> bool {
        let mut moved = false;
        while self.security.dtls().is_some() {
            let Some(mut datagram) = self.early.take() else { break };
            moved = true;
            // Its refusal is counted where it happens.
            let _ = self.handle_dtls(&mut datagram);
        }
        while let Some(event) = self.security.dtls().and_then(dtls::Connection::poll_event) {
            moved = true;
            match event {
                dtls::Event::Connected(connected) => self.secured(connected),
                dtls::Event::KeyLog(line) => self.events.push_back(Event::KeyLog(line)),
                dtls::Event::Closed(dtls::ClosedBy::Peer) => {
                    self.channels.abort(self.now);
                    self.end(CloseReason::Peer);
                }
                dtls::Event::Failed(failure) => self.dtls_failed(failure),
                _ => {}
            }
        }
        moved
    }

    fn secured(&mut self, connected: dtls::Connected) {
        self.events.push_back(Event::Secured(connected));
        self.security = match std::mem::replace(&mut self.security, Security::Waiting) {
            Security::Handshaking(dtls) => {
                self.channels.set_mtu(self.config.mtu.saturating_sub(dtls.overhead()));
                let role = self.signalling.negotiator.dtls_role();
                if let (Some(profile), Some(role)) = (connected.srtp_profile, role) {
                    media_keys(&mut self.media.session, &dtls, role, profile);
                }
                Security::Established { dtls, srtp_profile: connected.srtp_profile }
            }
            other => other,
        };
    }

    /// What came ahead of the end of the handshake.
    fn take_early_data(&mut self) -> bool {
        if !self.sctp_started {
            return false;
        }
        let mut moved = false;
        while let Some(packet) = self.security.dtls().and_then(dtls::Connection::recv) {
            moved = true;
            // Its refusal is counted in the association's statistics.
            let _ = self.channels.handle_packet(self.now, &packet);
        }
        moved
    }

    /// The association starts with the keys, when a data section is agreed on.
    fn start_sctp(&mut self) -> bool {
        let negotiator = &self.signalling.negotiator;
        let secure = matches!(self.security, Security::Established { .. });
        let (Some(data), true) = (negotiator.data(), secure) else { return false };
        if self.sctp_started || self.phase != Phase::Running {
            return false;
        }
        self.sctp_started = true;
        self.channels.set_remote_port(data.remote_port);
        self.channels.set_remote_max_message_size(data.max_message_size.unwrap_or(0));
        self.channels.connect(self.now);
        true
    }

    /// W3C, Section 4.3.3: the states of ICE and DTLS make that of the connection.
    fn update_state(&mut self) {
        let secure = matches!(self.security, Security::Established { .. });
        let state = match (self.phase, self.ice.state()) {
            (Phase::Ended { .. }, _) => ConnectionState::Closed,
            (Phase::Closing { reason: CloseReason::Dtls(_), .. }, _) => ConnectionState::Failed,
            (Phase::Closing { .. }, _) => self.state,
            (Phase::Running, ice::State::Failed(_)) => ConnectionState::Failed,
            (Phase::Running, ice::State::Disconnected) => ConnectionState::Disconnected,
            (Phase::Running, ice::State::New) => ConnectionState::New,
            (Phase::Running, ice::State::Connected | ice::State::Completed) if secure => {
                ConnectionState::Connected
            }
            (Phase::Running, _) => ConnectionState::Connecting,
        };
        self.set_state(state);
    }

    pub(crate) fn set_state(&mut self, state: ConnectionState) {
        if self.state != state {
            self.state = state;
            self.events.retain(|event| !matches!(event, Event::ConnectionStateChange(_)));
            self.events.push_back(Event::ConnectionStateChange(state));
        }
    }
}

/// RFC 5764, Section 4.2: both directions' keys, the client's first.
fn media_keys(
    session: &mut rtp::Session,
    dtls: &dtls::Connection,
    role: DtlsRole,
    profile: dtls::SrtpProfile,
) {
    let profile = match profile {
        dtls::SrtpProfile::Aes128CmHmacSha1_80 => srtp::Profile::Aes128CmHmacSha1_80,
        dtls::SrtpProfile::Aes128CmHmacSha1_32 => srtp::Profile::Aes128CmHmacSha1_32,
        dtls::SrtpProfile::AeadAes128Gcm => srtp::Profile::AeadAes128Gcm,
        dtls::SrtpProfile::AeadAes256Gcm => srtp::Profile::AeadAes256Gcm,
        _ => return,
    };
    let mut material = Zeroizing::new(vec![0; profile.keying_material_len()]);
    if dtls.export_keying_material("EXTRACTOR-dtls_srtp", None, &mut material).is_err() {
        return;
    }
    let Some((client, server)) = srtp::MasterKey::from_keying_material(profile, &material) else { return };
    match role {
        DtlsRole::Client => session.set_keys(&client, &server),
        DtlsRole::Server => session.set_keys(&server, &client),
    }
}
