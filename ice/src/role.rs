//! Who nominates, and what happens when both want to (RFC 8445, Sections 6.1.1 and 7.3.1.1).

/// An agent's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It nominates the pair.
    Controlling,
    /// It waits for the peer's nomination.
    Controlled,
}

impl Role {
    /// The other role.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// What a request that claims `theirs` meets at an agent in role `ours`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The roles differ, as they should.
    None,
    /// The peer has to change: it is answered with 487.
    Refuse,
    /// We have to change.
    Switch,
}

/// RFC 8445, Section 7.3.1.1: the agent with the larger tie-breaker becomes, or stays, controlling.
pub(crate) const fn conflict(ours: Role, our_tie: u64, theirs: Role, their_tie: u64) -> Conflict {
    match (ours, theirs, our_tie >= their_tie) {
        (Role::Controlling, Role::Controlling, true) | (Role::Controlled, Role::Controlled, false) => {
            Conflict::Refuse
        }
        (Role::Controlling, Role::Controlling, false) | (Role::Controlled, Role::Controlled, true) => {
            Conflict::Switch
        }
        _ => Conflict::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_tie_breaker_controls() {
        use Role::{Controlled, Controlling};
        assert_eq!(conflict(Controlling, 2, Controlling, 1), Conflict::Refuse);
        assert_eq!(conflict(Controlling, 1, Controlling, 2), Conflict::Switch);
        assert_eq!(conflict(Controlled, 2, Controlled, 1), Conflict::Switch);
        assert_eq!(conflict(Controlled, 1, Controlled, 2), Conflict::Refuse);
        assert_eq!(conflict(Controlling, 1, Controlled, 2), Conflict::None);
        assert_eq!(conflict(Controlled, 1, Controlling, 2), Conflict::None);
    }
}
