//! Two negotiators, arbitrary calls and arbitrary descriptions: nothing panics, a refused call changes nothing, what is
//! created can be set and read back, and what both hold in a stable state is whole.

use arbitrary::{Arbitrary, Unstructured};
use duologue_sdp::jsep::{
    Capabilities, CodecCapability, Config, DtlsRole, Encoding, ExtensionCapability, IceCandidate,
    IceCredentials, LocalTransport, Negotiator, OfferOptions, SdpType, SignalingState, TrackKind,
    TransceiverId, TransceiverInit,
};
use duologue_sdp::{
    Codec, Direction, ExtensionUri, Feedback, FormatParameters, PayloadType, SessionDescription, Text,
};
use std::sync::Arc;

#[derive(Debug, Arbitrary)]
enum Op {
    Request,
    Restart,
    AddTransceiver {
        video: bool,
        direction: u8,
        encodings: u8,
        asked: u8,
        streams: u8,
        track: Option<u8>,
    },
    AddTrack {
        video: bool,
        track: u8,
        streams: u8,
    },
    RemoveTrack(u8),
    ReplaceTrack(u8, Option<u8>),
    SetStreams(u8, u8),
    SetDirection(u8, u8),
    Stop(u8),
    Prefer {
        at: u8,
        turn: u8,
        take: u8,
    },
    SetParameters {
        at: u8,
        scale: Option<u8>,
        forget: bool,
    },
    Offer {
        set: bool,
        restart: bool,
        audio: Option<bool>,
        video: Option<bool>,
    },
    Answer {
        set: bool,
        provisional: bool,
    },
    Implicit,
    RollBack {
        local: bool,
    },
    /// The other's description arrives as one of this kind, perhaps with lines changed.
    Deliver {
        kind: u8,
        edit: Option<Edit>,
    },
    /// A recorded offer arrives as one of this kind, with lines changed.
    Recorded {
        which: u8,
        kind: u8,
        edits: [Option<Edit>; 3],
    },
    /// Any text arrives.
    Raw {
        kind: u8,
        text: String,
    },
    Candidate {
        mid: Option<u8>,
        index: Option<u8>,
        ufrag: Option<u8>,
        text: String,
    },
    LocalCandidate {
        end: bool,
    },
    Close,
}

/// What is done to a description's lines.
#[derive(Debug, Arbitrary)]
enum Edit {
    Cut(u8),
    Double(u8, u8),
    Swap(u8, u8),
    /// A digit becomes another.
    Digit(u8, u8),
    Insert(u8, String),
}

const RECORDED: [&str; 6] = [
    include_str!("../../sdp/tests/data/chromium-audio-video-data.sdp"),
    include_str!("../../sdp/tests/data/chromium-simulcast.sdp"),
    include_str!("../../sdp/tests/data/firefox-directions.sdp"),
    include_str!("../../sdp/tests/data/firefox-simulcast.sdp"),
    include_str!("../../sdp/tests/data/aiortc-audio-video-data.sdp"),
    include_str!("../../sdp/tests/data/aiortc-video.sdp"),
];

/// One input.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let mut peers = [negotiator("alice", much()), negotiator("bob", other())];
    for _ in 0..64 {
        if bytes.is_empty() {
            break;
        }
        let (Ok(who), Ok(op)) = (bool::arbitrary(&mut bytes), Op::arbitrary(&mut bytes)) else { break };
        let [alice, bob] = &mut peers;
        let (peer, from) = if who { (alice, bob) } else { (bob, alice) };
        apply(peer, from, &op);
        check(peer);
    }
}

fn codec(number: u8, name: &str, rate: u32, fmtp: &str, feedback: &[Feedback]) -> Option<CodecCapability> {
    let channels = if name == "opus" { 2 } else { 1 };
    let parameters = FormatParameters::new(fmtp);
    let codec = Codec {
        payload_type: PayloadType::new(number)?,
        name: name.into(),
        clock_rate: rate,
        channels,
        parameters,
        feedback: feedback.to_vec(),
    };
    Some(CodecCapability { codec, direction: Direction::SendRecv })
}

fn much() -> Config {
    let fb = [Feedback::Nack, Feedback::NackPli, Feedback::TransportCc];
    let h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let audio = [
        codec(111, "opus", 48_000, "useinbandfec=1", &[]),
        codec(63, "red", 48_000, "111/111", &[]),
        codec(0, "PCMU", 8_000, "", &[]),
        codec(101, "telephone-event", 8_000, "0-15", &[]),
    ];
    let video = [
        codec(96, "VP8", 90_000, "", &fb),
        codec(97, "rtx", 90_000, "apt=96", &[]),
        codec(102, "H264", 90_000, h264, &fb),
        codec(103, "rtx", 90_000, "apt=102", &[]),
        codec(98, "VP9", 90_000, "profile-id=0", &fb),
    ];
    let extensions = vec![
        ExtensionCapability { id: 1, uri: ExtensionUri::Mid },
        ExtensionCapability { id: 10, uri: ExtensionUri::RtpStreamId },
        ExtensionCapability { id: 3, uri: ExtensionUri::TransportWideCc },
    ];
    let mut config = Config::default();
    let codecs = audio.into_iter().flatten().collect();
    config.audio = Capabilities { codecs, extensions: extensions.clone(), max_encodings: 1 };
    config.video =
        Capabilities { codecs: video.into_iter().flatten().collect(), extensions, max_encodings: 4 };
    config
}

/// The same kinds with other numbers, one of them one way, and no simulcast.
fn other() -> Config {
    let mut config = much();
    config.audio.codecs.reverse();
    config.audio.codecs.retain(|one| one.codec.name != "red");
    config.video.codecs.rotate_left(2);
    for (number, one) in (96u8..).zip(&mut config.video.codecs) {
        one.codec.payload_type = PayloadType::new(number).unwrap_or(one.codec.payload_type);
    }
    config.video.codecs.retain(|one| one.codec.apt().is_none());
    for one in config.audio.codecs.iter_mut().take(1) {
        one.direction = Direction::RecvOnly;
    }
    for one in config.audio.extensions.iter_mut().chain(&mut config.video.extensions) {
        one.id = 14 - one.id;
    }
    config.video.max_encodings = 1;
    config
}

fn negotiator(name: &str, config: Config) -> Negotiator {
    let fingerprint = format!("sha-256 {}", ["A5"; 32].join(":"));
    let local = LocalTransport {
        ice: IceCredentials {
            ufrag: format!("{name}ufrag").into(),
            pwd: format!("{name}passwordpasswordpassword").as_str().into(),
        },
        ice_lite: false,
        fingerprints: fingerprint.parse().into_iter().collect(),
        tls_id: format!("{name}0123456789abcdef0123").into(),
        sctp_port: 5000,
        max_message_size: 262_144,
    };
    Negotiator::new(Arc::new(config), local, [1; 32])
}

fn kind(video: bool) -> TrackKind {
    if video { TrackKind::Video } else { TrackKind::Audio }
}

fn direction(byte: u8) -> Direction {
    Direction::from_flags(byte & 1 != 0, byte & 2 != 0)
}

fn track(byte: u8) -> Text {
    format!("track{byte}").into()
}

fn streams(mask: u8) -> Vec<Text> {
    ["a", "b", "c"]
        .into_iter()
        .zip(0..)
        .filter(|(_, bit)| mask & (1 << bit) != 0)
        .map(|(one, _)| one.into())
        .collect()
}

/// The `rid`s may be too many, and one of them cannot be.
fn rids(count: u8) -> Vec<Text> {
    ["q", "h", "f", "g", "q", "~"].into_iter().take(usize::from(count % 7)).map(Text::from).collect()
}

fn sdp_type(byte: u8) -> SdpType {
    match byte % 4 {
        0 => SdpType::Answer,
        1 => SdpType::PrAnswer,
        _ => SdpType::Offer,
    }
}

/// The transceiver at a place, counted around the list.
fn at(peer: &Negotiator, place: u8) -> Option<TransceiverId> {
    let count = peer.transceivers().count().max(1);
    peer.transceivers().nth(usize::from(place) % count).map(|one| one.id())
}

/// Makes a call that may be refused, and then must have changed nothing.
fn call<E>(peer: &mut Negotiator, call: impl FnOnce(&mut Negotiator) -> Result<(), E>) {
    let before = format!("{peer:?}");
    if call(peer).is_err() {
        assert_eq!(format!("{peer:?}"), before, "a refused call changes nothing");
    }
}

fn apply(peer: &mut Negotiator, from: &Negotiator, op: &Op) {
    match op {
        Op::Request => peer.request_data(),
        Op::Restart => peer.restart_ice(),
        Op::Close => peer.close(),
        Op::AddTransceiver { .. }
        | Op::AddTrack { .. }
        | Op::RemoveTrack(_)
        | Op::ReplaceTrack(..)
        | Op::SetStreams(..)
        | Op::SetDirection(..)
        | Op::Stop(_)
        | Op::Prefer { .. }
        | Op::SetParameters { .. } => on_transceiver(peer, op),
        Op::Offer { set, restart, audio, video } => {
            let mut options = OfferOptions::default();
            options.ice_restart = *restart;
            options.offer_to_receive_audio = *audio;
            options.offer_to_receive_video = *video;
            if let Ok(offer) = peer.create_offer(options) {
                created(peer, &offer, set.then_some(SdpType::Offer));
            }
        }
        Op::Answer { set, provisional } => {
            let kind = if *provisional { SdpType::PrAnswer } else { SdpType::Answer };
            if let Ok(answer) = peer.create_answer() {
                created(peer, &answer, set.then_some(kind));
            }
        }
        Op::Implicit => {
            let state = peer.signaling_state();
            let closed = matches!(state, SignalingState::Closed | SignalingState::HaveRemotePrAnswer);
            assert_eq!(peer.set_implicit_local_description().is_err(), closed);
        }
        Op::RollBack { local } => {
            let Some(any) = peer.local_description() else { return };
            call(peer, |peer| match local {
                true => peer.set_local_description(SdpType::Rollback, Some(&any)),
                false => peer.set_remote_description(SdpType::Rollback, &any),
            });
        }
        Op::Deliver { kind, edit } => {
            let text = from.local_description().map(|description| description.to_string());
            receive(peer, *kind, &edited(&text.unwrap_or_default(), edit.iter()));
        }
        Op::Recorded { which, kind, edits } => {
            let text = RECORDED.get(usize::from(*which) % RECORDED.len()).copied().unwrap_or_default();
            receive(peer, *kind, &edited(text, edits.iter().flatten()));
        }
        Op::Raw { kind, text } => receive(peer, *kind, text),
        Op::Candidate { mid, index, ufrag, text } => {
            let candidate = IceCandidate {
                candidate: text.as_str().into(),
                sdp_mid: mid.map(|mid| (mid % 8).to_string().into()),
                sdp_m_line_index: index.map(u16::from),
                username_fragment: ufrag
                    .map(|any| if any < 128 { "bobufrag".into() } else { "aliceufrag".into() }),
            };
            call(peer, |peer| peer.add_remote_candidate(&candidate).map(|_| ()));
        }
        Op::LocalCandidate { end } => {
            let ufrag = peer.ice_credentials().ufrag.clone();
            if *end {
                peer.end_of_local_candidates(&ufrag);
            } else {
                peer.add_local_candidate(&ufrag, "1 1 udp 1 192.0.2.1 5 typ host".into());
            }
        }
    }
}

fn on_transceiver(peer: &mut Negotiator, op: &Op) {
    match op {
        Op::AddTransceiver { video, direction: wanted, encodings, asked, streams: mask, track: id } => {
            let mut init = TransceiverInit::default();
            init.direction = direction(*wanted);
            init.track = id.map(track);
            init.streams = streams(*mask);
            init.send_encodings = rids(*encodings).into_iter().map(Encoding::with_rid).collect();
            init.receive_rids = rids(*asked);
            call(peer, |peer| peer.add_transceiver(kind(*video), init).map(|_| ()));
        }
        Op::AddTrack { video, track: id, streams: mask } => {
            call(peer, |peer| peer.add_track(kind(*video), track(*id), &streams(*mask)).map(|_| ()));
        }
        Op::RemoveTrack(place)
        | Op::ReplaceTrack(place, _)
        | Op::SetStreams(place, _)
        | Op::SetDirection(place, _)
        | Op::Stop(place)
        | Op::Prefer { at: place, .. }
        | Op::SetParameters { at: place, .. } => {
            let Some(id) = at(peer, *place) else { return };
            on_one(peer, id, op);
        }
        _ => {}
    }
}

fn on_one(peer: &mut Negotiator, id: TransceiverId, op: &Op) {
    match op {
        Op::RemoveTrack(_) => call(peer, |peer| peer.remove_track(id)),
        Op::ReplaceTrack(_, other) => call(peer, |peer| peer.replace_track(id, other.map(track))),
        Op::SetStreams(_, mask) => call(peer, |peer| peer.set_streams(id, &streams(*mask))),
        Op::SetDirection(_, wanted) => call(peer, |peer| peer.set_direction(id, direction(*wanted))),
        Op::Stop(_) => call(peer, |peer| peer.stop(id)),
        Op::Prefer { turn, take, .. } => {
            let config = much();
            let Some(one) = peer.transceiver(id) else { return };
            let mut codecs: Vec<Codec> =
                config.capabilities(one.kind()).codecs.iter().map(|one| one.codec.clone()).collect();
            let len = codecs.len().max(1);
            codecs.rotate_left(usize::from(*turn) % len);
            codecs.truncate(usize::from(*take) % (len + 1));
            call(peer, |peer| peer.set_codec_preferences(id, &codecs));
        }
        Op::SetParameters { scale, forget, .. } => {
            let Ok(mut parameters) = peer.parameters(id) else { return };
            for encoding in &mut parameters.encodings {
                encoding.scale_resolution_down_by = scale.map(|scale| f64::from(scale) / 4.0);
            }
            if *forget {
                parameters.transaction_id += 1;
            }
            call(peer, |peer| peer.set_parameters(id, parameters));
        }
        _ => {}
    }
}

/// A description just created is whole, and can be set.
fn created(peer: &mut Negotiator, description: &SessionDescription, set: Option<SdpType>) {
    assert_eq!(description.to_string().parse().as_ref(), Ok(description));
    if let Some(kind) = set {
        assert_eq!(peer.set_local_description(kind, Some(description)), Ok(()));
    }
}

fn receive(peer: &mut Negotiator, kind: u8, text: &str) {
    if let Ok(description) = text.parse::<SessionDescription>() {
        call(peer, |peer| peer.set_remote_description(sdp_type(kind), &description));
    }
}

fn edited<'e>(text: &str, edits: impl Iterator<Item = &'e Edit>) -> String {
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    for edit in edits {
        let len = lines.len().max(1);
        let place = |byte: &u8| usize::from(*byte) % len;
        match edit {
            Edit::Cut(line) if !lines.is_empty() => drop(lines.remove(place(line))),
            Edit::Double(line, to) => {
                let (to, line) = (place(to), lines.get(place(line)).cloned());
                lines.splice(to..to, line);
            }
            Edit::Swap(one, other) if !lines.is_empty() => lines.swap(place(one), place(other)),
            Edit::Digit(line, digit) => {
                let digit = char::from(b'0' + digit % 10);
                let at = place(line);
                if let Some(line) = lines.get_mut(at) {
                    *line = line.replacen(|one: char| one.is_ascii_digit(), &digit.to_string(), 1);
                }
            }
            Edit::Insert(at, line) => lines.insert(place(at), line.clone()),
            Edit::Cut(_) | Edit::Swap(..) => {}
        }
    }
    lines.into_iter().map(|line| format!("{line}\r\n")).collect()
}

fn check(peer: &mut Negotiator) {
    while peer.poll_event().is_some() {}
    if peer.signaling_state() == SignalingState::Stable && peer.data().is_some() {
        assert!(peer.dtls_role().is_some() && peer.remote_transport().is_some());
        assert!(matches!(peer.dtls_role(), Some(DtlsRole::Client | DtlsRole::Server)));
    }
    if let Some(description) = peer.local_description() {
        assert_eq!(description.to_string().parse().as_ref(), Ok(&description));
    }
    let mids: Vec<&str> = peer.transceivers().filter_map(|one| one.mid()).collect();
    assert!(
        mids.iter().enumerate().all(|(index, mid)| !mids.iter().skip(index + 1).any(|other| other == mid))
    );
    for one in peer.transceivers() {
        assert!(one.current_direction().is_none() || one.mid().is_some());
        let numbers: Vec<PayloadType> = one.receive_codecs().iter().map(|codec| codec.payload_type).collect();
        let known = |number: &PayloadType| numbers.contains(number);
        assert!(one.receive_codecs().iter().filter_map(Codec::apt).all(|apt| known(&apt)));
    }
}
