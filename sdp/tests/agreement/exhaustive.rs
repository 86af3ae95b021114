//! Every interleaving of up to six operations of a reduced set, from several states; each state that is reached converges.

use crate::capabilities::Able;
use crate::key::key;
use crate::world::World;
use duologue_sdp::Direction;
use duologue_sdp::jsep::{SdpType, SignalingState, TrackKind, TransceiverInit};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    AddAudio,
    Stop,
    Toggle,
    Offer,
    Answer,
    Deliver,
    RollBack,
    Restart,
}

const OPS: [Op; 8] =
    [Op::AddAudio, Op::Stop, Op::Toggle, Op::Offer, Op::Answer, Op::Deliver, Op::RollBack, Op::Restart];
const DEPTH: usize = 6;

/// Whether the operation does something; two transceivers are enough for each application.
fn is_possible(world: &World, who: usize, op: Op) -> bool {
    let peer = &world.peers[who];
    let mut own = peer.negotiator.transceivers();
    let stable = world.state(who) == SignalingState::Stable;
    match op {
        Op::AddAudio => own.count() < 2,
        Op::Stop => own.next().is_some_and(|one| one.direction().is_some()),
        Op::Toggle => own.next().is_some_and(|one| one.direction().is_some()),
        Op::Offer => stable || world.withdraws(who),
        Op::Answer => world.state(who) == SignalingState::HaveRemoteOffer,
        Op::Deliver => !world.peers[1 - who].outbox.is_empty(),
        Op::RollBack => !stable,
        // What it does the second time it has done the first time.
        Op::Restart => peer.negotiator.current_local_description().is_some() && !peer.restarts(),
    }
}

fn apply(world: &mut World, who: usize, op: Op) {
    let first = world.transceiver(who, 0);
    match (op, first) {
        (Op::AddAudio, _) => {
            world.call(who, |one| one.add_transceiver(TrackKind::Audio, TransceiverInit::default())).unwrap();
        }
        (Op::Stop, Some(id)) => world.call(who, |one| one.stop(id)).unwrap(),
        (Op::Toggle, Some(id)) => world.call(who, |one| {
            let wanted = one.transceiver(id).unwrap().direction().unwrap();
            let other = if wanted == Direction::SendRecv { Direction::RecvOnly } else { Direction::SendRecv };
            one.set_direction(id, other).unwrap();
        }),
        (Op::Stop | Op::Toggle, None) => {}
        (Op::Offer, _) => world.offer(who, None),
        (Op::Answer, _) => world.answer(who, SdpType::Answer),
        (Op::Deliver, _) => world.deliver(who),
        (Op::RollBack, _) => world.roll_back(who),
        (Op::Restart, _) => world.restart_ice(who),
    }
}

fn replayed(start: fn() -> World, path: &[(usize, Op)]) -> World {
    let mut world = start();
    for (who, op) in path {
        apply(&mut world, *who, *op);
    }
    world
}

/// Visits what can be reached from `start`, each state once, and returns how many there are.
fn search(start: fn() -> World) -> usize {
    let mut seen = BTreeSet::from([key(&start())]);
    let mut frontier = vec![Vec::new()];
    for depth in 1..=DEPTH {
        let mut next = Vec::new();
        for path in &frontier {
            let here = replayed(start, path);
            let moves = OPS.iter().flat_map(|op| [(0, *op), (1, *op)]);
            for step in moves.filter(|(who, op)| is_possible(&here, *who, *op)) {
                let mut world = replayed(start, path);
                apply(&mut world, step.0, step.1);
                if seen.insert(key(&world)) {
                    world.converge();
                    if depth < DEPTH {
                        next.push([path.as_slice(), &[step]].concat());
                    }
                }
            }
        }
        frontier = next;
    }
    seen.len()
}

fn new() -> World {
    World::new([Able::Opus, Able::Opus])
}

/// One transceiver is agreed on, and both use it.
fn agreed() -> World {
    let mut world = new();
    for who in [0, 1] {
        world.call(who, |one| one.add_track(TrackKind::Audio, "track", &[])).unwrap();
    }
    world.converge();
    world
}

/// Both offers are under way.
fn glare() -> World {
    let mut world = new();
    for who in [0, 1] {
        apply(&mut world, who, Op::AddAudio);
    }
    for who in [0, 1] {
        world.offer(who, None);
    }
    world
}

/// A section was rejected, and its place is free.
fn rejected() -> World {
    let mut world = agreed();
    world.request_data(1);
    world.converge();
    apply(&mut world, 0, Op::Stop);
    world.converge();
    world
}

/// Searches from `start`, and sees to it that the search has not become a small one.
fn reaches(start: fn() -> World, at_least: usize) {
    let states = search(start);
    println!("{states} states");
    assert!(states >= at_least, "{states} states");
}

#[test]
fn every_interleaving_from_the_beginning_agrees_and_converges() {
    reaches(new, 1_500);
}

#[test]
fn every_interleaving_from_an_agreed_section_agrees_and_converges() {
    reaches(agreed, 9_000);
}

#[test]
fn every_interleaving_from_glare_agrees_and_converges() {
    reaches(glare, 2_500);
}

#[test]
fn every_interleaving_from_a_rejected_section_agrees_and_converges() {
    reaches(rejected, 4_500);
}
