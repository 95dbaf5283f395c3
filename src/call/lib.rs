//! One call: its control, its media leg, its timeline and why it ended.

pub mod api;
