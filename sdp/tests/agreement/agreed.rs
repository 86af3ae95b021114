//! What two peers must agree on when no message is under way, and what holds for every description.

use crate::needed::in_use;
use duologue_sdp::jsep::{DtlsRole, Negotiator, Transceiver};
use duologue_sdp::{
    Attribute, Codec, Direction, Extmap, Media, MediaKind, PayloadType, SessionDescription, Text,
};
use std::collections::{BTreeMap, BTreeSet};

/// What was agreed on before.
#[derive(Debug, Default)]
pub(crate) struct History {
    sections: Vec<(Text, MediaKind, bool)>,
    codecs: BTreeMap<PayloadType, Codec>,
    extensions: BTreeMap<u16, String>,
    role: Option<DtlsRole>,
}

/// Compares the peers, and what they agree on with what they agreed on before.
pub(crate) fn check(alice: &Negotiator, bob: &Negotiator, history: &mut History) {
    let local = alice.current_local_description().unwrap();
    let remote = alice.current_remote_description().unwrap();
    assert_eq!(Some(&local), bob.current_remote_description());
    assert_eq!(Some(remote), bob.current_local_description().as_ref());
    bundle(&local, remote, history);
    transport(alice, bob, history);
    assert_eq!(alice.data().is_some(), bob.data().is_some());
    let live: BTreeSet<&str> = local
        .media
        .iter()
        .zip(&remote.media)
        .filter(|(ours, theirs)| ours.is_rtp() && in_use(ours) && in_use(theirs))
        .map(|(ours, _)| ours.mid().unwrap())
        .collect();
    for peer in [alice, bob] {
        let agreed = peer.transceivers().filter(|one| one.current_direction().is_some() || one.stopped());
        let mids: BTreeSet<_> = agreed.filter_map(Transceiver::mid).collect();
        assert_eq!(mids, live, "{:#?}", peer.transceivers().collect::<Vec<_>>());
    }
    for mid in live {
        let find =
            |peer: &Negotiator| peer.transceivers().find(|one| one.mid() == Some(mid)).unwrap().clone();
        let (ours, theirs) = (find(alice), find(bob));
        if ours.stopped() || theirs.stopped() {
            // An offer that was declined afterwards stopped it; another one is due.
            assert!(alice.negotiation_needed() || bob.negotiation_needed());
            continue;
        }
        mirrored(&ours, &theirs);
        let (ours_said, theirs_said) = (section(&local, mid), section(remote, mid));
        one_way(&ours, &theirs, ours_said);
        one_way(&theirs, &ours, theirs_said);
        learn(&ours, &theirs, history);
    }
}

fn section<'d>(description: &'d SessionDescription, mid: &str) -> &'d Media {
    description.media.iter().find(|media| media.mid() == Some(mid)).unwrap()
}

/// Takes in an answer. Both have the same sections in the same order; a place keeps its mid and kind until it has been
/// rejected.
pub(crate) fn sections(answerer: &Negotiator, history: &mut History) {
    let local = answerer.current_local_description().unwrap();
    let remote = answerer.current_remote_description().unwrap();
    assert_eq!(local.media.len(), remote.media.len());
    let mut new = Vec::new();
    for (ours, theirs) in local.media.iter().zip(&remote.media) {
        assert_eq!((ours.mid(), &ours.kind, &ours.protocol), (theirs.mid(), &theirs.kind, &theirs.protocol));
        new.push((ours.mid().unwrap().into(), ours.kind.clone(), in_use(ours) && in_use(theirs)));
    }
    assert!(new.len() >= history.sections.len());
    for (before, now) in history.sections.iter().zip(&new) {
        assert!(!before.2 || (&before.0, &before.1) == (&now.0, &now.1), "{before:?} {now:?}");
    }
    history.sections = new;
}

/// The answer's group has all that is live and nothing else.
fn bundle(local: &SessionDescription, remote: &SessionDescription, history: &History) {
    let live: BTreeSet<&str> =
        history.sections.iter().filter(|section| section.2).map(|section| section.0.as_str()).collect();
    let groups = [local, remote].map(|description| {
        let groups: Vec<_> = description.bundle_groups().collect();
        assert!(groups.len() <= 1);
        groups.first().copied().unwrap_or_default().iter().map(Text::as_str).collect::<BTreeSet<_>>()
    });
    let common: BTreeSet<&str> = groups[0].intersection(&groups[1]).copied().collect();
    assert_eq!(common, live);
}

/// Roles are complementary and stay; credentials and fingerprints are each the other's.
fn transport(alice: &Negotiator, bob: &Negotiator, history: &mut History) {
    assert!(history.role.is_none() || history.role == alice.dtls_role());
    history.role = alice.dtls_role();
    let other = alice.dtls_role().map(|role| match role {
        DtlsRole::Client => DtlsRole::Server,
        DtlsRole::Server => DtlsRole::Client,
    });
    assert_eq!(bob.dtls_role(), other);
    assert_eq!(alice.is_offerer().map(|is| !is), bob.is_offerer());
    if !history.sections.iter().any(|section| section.2) {
        return;
    }
    for (one, other) in [(alice, bob), (bob, alice)] {
        let remote = one.remote_transport().unwrap();
        assert_eq!(&remote.ice, other.ice_credentials());
        assert_eq!(remote.fingerprints, other.local_transport().fingerprints);
        assert_eq!(remote.tls_id.as_ref(), Some(&other.local_transport().tls_id));
    }
}

fn mirrored(ours: &Transceiver, theirs: &Transceiver) {
    assert_eq!(ours.kind(), theirs.kind());
    assert_eq!(ours.current_direction(), theirs.current_direction().map(Direction::reversed));
    assert_eq!(ours.reduced_size_rtcp(), theirs.reduced_size_rtcp());
    let ids = |one: &Transceiver, reverse: bool| -> BTreeMap<String, (u16, Option<Direction>)> {
        let direction = |one: &Extmap| one.direction.map(|way| if reverse { way.reversed() } else { way });
        one.extensions().iter().map(|one| (one.uri.to_string(), (one.id, direction(one)))).collect()
    };
    assert_eq!(ids(ours, false), ids(theirs, true));
}

/// What one sends the other can receive, under the numbers that it has for it.
fn one_way(sender: &Transceiver, receiver: &Transceiver, said: &Media) {
    for codec in sender.send_codecs() {
        let received = receiver.receive_codecs();
        let same = received.iter().find(|other| other.payload_type == codec.payload_type);
        let Some(same) = same else { unreachable!("{codec:?} is not received: {received:?}") };
        assert!(same.matches(codec), "{codec:?} {same:?}");
        assert_eq!(same.apt(), codec.apt());
        assert_eq!(same.feedback, codec.feedback, "{codec:?} {same:?}");
    }
    if !sender.current_direction().is_some_and(Direction::sends) {
        assert!(receiver.remote_streams().is_empty());
        return;
    }
    assert!(sender.send_codecs().iter().any(is_media), "{sender:?} {receiver:?}");
    let streams: Vec<_> = said.msids().filter_map(|msid| msid.stream.clone()).collect();
    assert_eq!(receiver.remote_streams(), streams);
    let rids: Vec<_> = sender.encodings().iter().filter_map(|encoding| encoding.rid.clone()).collect();
    if sender.encodings().len() > 1 || !receiver.receive_rids().is_empty() {
        assert_eq!(receiver.receive_rids(), rids);
    }
}

fn is_media(codec: &Codec) -> bool {
    codec.role() == duologue_sdp::CodecRole::Media
}

/// A number means what it has meant before, in all sections.
fn learn(ours: &Transceiver, theirs: &Transceiver, history: &mut History) {
    let codecs = [ours, theirs].map(|one| one.send_codecs().iter().chain(one.receive_codecs()));
    for codec in codecs.into_iter().flatten() {
        let old = history.codecs.entry(codec.payload_type).or_insert_with(|| codec.clone());
        assert!(is_same(old, codec), "{old:?} {codec:?}");
    }
    for extension in ours.extensions() {
        let uri = extension.uri.to_string();
        assert_eq!(*history.extensions.entry(extension.id).or_insert_with(|| uri.clone()), uri);
    }
}

fn is_same(one: &Codec, other: &Codec) -> bool {
    one.matches(other) && one.apt() == other.apt() && one.redundant().eq(other.redundant())
}

/// What holds for a description that we made, and for its text.
pub(crate) fn well_formed(description: &SessionDescription) {
    let text = description.to_string();
    assert_eq!(text.parse().as_ref(), Ok(description), "{text}");
    let mids: BTreeSet<&str> = description.media.iter().filter_map(Media::mid).collect();
    assert_eq!(mids.len(), description.media.len(), "{text}");
    let live = description.media.iter().filter(|media| in_use(media));
    let live: Vec<&str> = live.filter_map(Media::mid).collect();
    let groups: Vec<_> = description.bundle_groups().collect();
    assert!(groups.len() <= 1, "{text}");
    let group: BTreeSet<&str> = groups.iter().flat_map(|group| group.iter()).map(Text::as_str).collect();
    assert_eq!(group, live.iter().copied().collect(), "{text}");
    let transports = description.media.iter().filter(|media| media.ice_ufrag().is_some());
    assert_eq!(transports.map(|media| media.mid().unwrap()).collect::<Vec<_>>(), tag(&groups), "{text}");
    let mut codecs: BTreeMap<PayloadType, Codec> = BTreeMap::new();
    let mut extensions: BTreeMap<u16, String> = BTreeMap::new();
    for media in description.media.iter().filter(|media| in_use(media)) {
        if media.is_rtp() {
            numbered(media, &mut codecs, &mut extensions);
        }
    }
}

fn tag<'d>(groups: &[&'d [Text]]) -> Vec<&'d str> {
    groups.iter().filter_map(|group| group.first()).map(Text::as_str).collect()
}

fn numbered(
    media: &Media,
    codecs: &mut BTreeMap<PayloadType, Codec>,
    extensions: &mut BTreeMap<u16, String>,
) {
    let own = media.codecs();
    assert_eq!(own.len(), media.formats.len(), "{media}");
    assert!(own.iter().any(is_media), "{media}");
    let has = |number: PayloadType| own.iter().any(|codec| codec.payload_type == number);
    for codec in &own {
        assert!(codec.apt().into_iter().chain(codec.redundant()).all(has), "{media}");
        let tied = codec.role() == duologue_sdp::CodecRole::Retransmission;
        assert!(!tied || codec.apt().is_some(), "{media}");
        let old = codecs.entry(codec.payload_type).or_insert_with(|| codec.clone());
        assert!(is_same(old, codec), "{old:?} {media}");
    }
    for attribute in &media.attributes {
        let number = match attribute {
            Attribute::Rtpmap(line) => Some(line.payload_type),
            Attribute::Fmtp(line) => Some(line.payload_type),
            Attribute::RtcpFb(line) => line.payload_type,
            _ => None,
        };
        assert!(number.is_none_or(has), "{media}");
    }
    let mut own: BTreeSet<u16> = BTreeSet::new();
    for extension in media.extensions() {
        assert!(own.insert(extension.id), "{media}");
        let uri = extension.uri.to_string();
        assert_eq!(*extensions.entry(extension.id).or_insert_with(|| uri.clone()), uri, "{media}");
    }
}
