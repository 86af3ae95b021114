//! Random operations on two peers, then convergence.

use crate::capabilities::Able;
use crate::world::World;
use duologue_sdp::jsep::{Encoding, OfferOptions, SdpType, TrackKind, TransceiverInit};
use duologue_sdp::{Direction, Text};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    AddTransceiver {
        kind: TrackKind,
        direction: Direction,
        encodings: u8,
        asked: u8,
        stream: u8,
    },
    AddTrack {
        kind: TrackKind,
        stream: u8,
    },
    RemoveTrack(u8),
    ReplaceTrack(u8, bool),
    SetStreams(u8, u8),
    SetDirection(u8, Direction),
    Stop(u8),
    Prefer {
        place: u8,
        turn: u8,
        take: u8,
    },
    SetParameters(u8),
    RequestData,
    RestartIce,
    /// An offer, made without arguments or with these.
    Offer(Option<(bool, Option<bool>, Option<bool>)>),
    /// A description is created, and not set.
    Create,
    Answer(SdpType),
    RollBack,
    Deliver,
    /// Makes the offer that is due, if one is, or the answer.
    React,
}

fn kinds() -> impl Strategy<Value = TrackKind> {
    prop::sample::select(vec![TrackKind::Audio, TrackKind::Video])
}

fn directions() -> impl Strategy<Value = Direction> {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    prop::sample::select(vec![SendRecv, SendOnly, RecvOnly, Inactive])
}

fn ops() -> impl Strategy<Value = Op> {
    let options = prop::option::of(any::<(bool, Option<bool>, Option<bool>)>());
    prop_oneof![
        3 => (kinds(), directions(), 0..4u8, 0..4u8, 0..4u8).prop_map(
            |(kind, direction, encodings, asked, stream)| Op::AddTransceiver { kind, direction, encodings, asked, stream }
        ),
        3 => (kinds(), 0..4u8).prop_map(|(kind, stream)| Op::AddTrack { kind, stream }),
        1 => any::<u8>().prop_map(Op::RemoveTrack),
        1 => any::<(u8, bool)>().prop_map(|(place, any)| Op::ReplaceTrack(place, any)),
        1 => (any::<u8>(), 0..5u8).prop_map(|(place, streams)| Op::SetStreams(place, streams)),
        2 => (any::<u8>(), directions()).prop_map(|(place, direction)| Op::SetDirection(place, direction)),
        2 => any::<u8>().prop_map(Op::Stop),
        2 => any::<(u8, u8, u8)>().prop_map(|(place, turn, take)| Op::Prefer { place, turn, take }),
        1 => any::<u8>().prop_map(Op::SetParameters),
        1 => Just(Op::RequestData),
        1 => Just(Op::RestartIce),
        3 => options.prop_map(Op::Offer),
        1 => Just(Op::Create),
        3 => Just(Op::Answer(SdpType::Answer)),
        1 => Just(Op::Answer(SdpType::PrAnswer)),
        2 => Just(Op::RollBack),
        8 => Just(Op::Deliver),
        5 => Just(Op::React),
    ]
}

fn able() -> impl Strategy<Value = Able> {
    let usual = prop::sample::select(vec![Able::Much, Able::Renumbered]);
    prop_oneof![2 => usual, 1 => prop::sample::select(Able::ALL.to_vec())]
}

fn streams(mask: u8) -> Vec<Text> {
    ["s", "t"]
        .iter()
        .enumerate()
        .filter(|(bit, _)| mask & (1 << bit) != 0)
        .map(|(_, name)| (*name).into())
        .collect()
}

fn rids(count: u8) -> Vec<Text> {
    ["q", "h", "f"].iter().take(usize::from(count)).map(|rid| (*rid).into()).collect()
}

/// Counts the tracks, so that none is there twice.
fn apply(world: &mut World, who: usize, op: &Op, tracks: &mut u32) {
    let mut track = || -> Text {
        *tracks += 1;
        format!("track{tracks}").into()
    };
    let at = |world: &World, place: u8| world.transceiver(who, place);
    match op {
        Op::AddTransceiver { kind, direction, encodings, asked, stream } => {
            let mut init = TransceiverInit::default();
            init.direction = *direction;
            init.track = (stream % 2 == 0).then(track);
            init.streams = streams(*stream);
            if *kind == TrackKind::Video {
                init.send_encodings = rids(*encodings).into_iter().map(Encoding::with_rid).collect();
                init.receive_rids = rids(*asked);
            }
            let able = world.carries(who, *kind);
            assert_eq!(world.call(who, |one| one.add_transceiver(*kind, init)).is_ok(), able);
        }
        Op::AddTrack { kind, stream } => {
            let (name, streams) = (track(), streams(*stream));
            let able = world.carries(who, *kind);
            assert_eq!(world.call(who, |one| one.add_track(*kind, name, &streams)).is_ok(), able);
        }
        Op::RequestData => world.request_data(who),
        Op::RestartIce => world.restart_ice(who),
        Op::Offer(options) => {
            let options = options.map(|(ice_restart, audio, video)| {
                let mut options = OfferOptions::default();
                options.ice_restart = ice_restart;
                options.offer_to_receive_audio = audio;
                options.offer_to_receive_video = video;
                options
            });
            world.offer(who, options);
        }
        Op::Create => world.create(who),
        Op::Answer(kind) => world.answer(who, *kind),
        Op::RollBack => world.roll_back(who),
        Op::Deliver => world.deliver(who),
        Op::React => world.react(who),
        Op::RemoveTrack(place)
        | Op::ReplaceTrack(place, _)
        | Op::SetStreams(place, _)
        | Op::SetDirection(place, _)
        | Op::Stop(place)
        | Op::Prefer { place, .. }
        | Op::SetParameters(place) => {
            let Some(id) = at(world, *place) else { return };
            let name = track();
            // A stopped transceiver refuses most of it.
            let _ = world.call(who, |one| match op {
                Op::RemoveTrack(_) => one.remove_track(id),
                Op::ReplaceTrack(_, any) => one.replace_track(id, any.then_some(name)),
                Op::SetStreams(_, mask) => one.set_streams(id, &streams(*mask)),
                Op::SetDirection(_, direction) => one.set_direction(id, *direction),
                Op::Stop(_) => one.stop(id),
                Op::SetParameters(_) => {
                    let parameters = one.parameters(id).unwrap();
                    one.set_parameters(id, parameters)
                }
                _ => Ok(()),
            });
            if let Op::Prefer { turn, take, .. } = op {
                world.prefer(who, id, usize::from(*turn), usize::from(*take));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn peers_agree_at_every_stable_point_and_always_converge(
        able in [able(), able()],
        ops in prop::collection::vec((0..2usize, ops()), 1..60),
    ) {
        let mut world = World::new(able);
        let mut tracks = 0;
        for (who, op) in &ops {
            apply(&mut world, *who, op, &mut tracks);
        }
        world.converge();
    }
}
