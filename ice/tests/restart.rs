//! Restarts: the connection goes on, whoever begins them and whatever comes of them.

use std::time::Duration;

use crate::common::{Spec, World};
use duologue_ice::State;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_restart_by_either_side_completes_on_a_new_pair() {
    for first in 0..2 {
        let mut world = World::connected(&Spec::new(1));
        world.wait(SECOND);
        let before = world.host(0).agent.sending_path().unwrap().pair();
        world.renegotiate(first);
        world.wait(SECOND * 5);
        for index in 0..2 {
            assert_eq!(world.state(index), State::Completed);
        }
        assert_ne!(world.host(0).agent.sending_path().unwrap().pair(), before);
    }
}
