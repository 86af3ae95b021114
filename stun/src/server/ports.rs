//! Which ports relayed addresses get.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use rand_chacha::ChaCha12Rng;
use rand_core::Rng;

use crate::attribute::AddressFamily;

/// The ports in use, those of sockets that are yet to open among them.
#[derive(Debug, Default)]
pub(super) struct Ports {
    used: BTreeSet<(AddressFamily, u16)>,
}

impl Ports {
    /// Takes a free port, the first one at or after a random one (RFC 8656, Section 7.2: "a randomized port assignment
    /// algorithm" is RECOMMENDED). `even`: one of an even number. `next_free`: the one above must be free as well.
    pub(super) fn draw(
        &mut self,
        rng: &mut ChaCha12Rng,
        family: AddressFamily,
        range: &RangeInclusive<u16>,
        even: bool,
        next_free: bool,
    ) -> Option<u16> {
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        let count = last.checked_sub(first)? + 1;
        let offset = rng.next_u32() % count;
        let port = (0..count).filter_map(|step| u16::try_from(first + (offset + step) % count).ok()).find(
            |port| {
                let fits = !even || port.is_multiple_of(2);
                let above = port.checked_add(1).filter(|above| range.contains(above));
                let above_free = !next_free || above.is_some_and(|above| self.is_free(family, above));
                // RFC 8656, Section 7.2: ports 0 to 1023 SHOULD NOT be allocated.
                *port >= 1_024 && fits && self.is_free(family, *port) && above_free
            },
        )?;
        self.used.insert((family, port));
        Some(port)
    }

    /// Takes one port; `false` when it is in use.
    pub(super) fn take(&mut self, family: AddressFamily, port: u16) -> bool {
        self.used.insert((family, port))
    }

    pub(super) fn give_back(&mut self, family: AddressFamily, port: u16) {
        self.used.remove(&(family, port));
    }

    fn is_free(&self, family: AddressFamily, port: u16) -> bool {
        !self.used.contains(&(family, port))
    }
}
