//! Faults that other stacks had.
