//! Tags and branches that a stranger cannot guess (RFC 3261 §19.3).

use std::hash::{DefaultHasher, Hash, Hasher};

/// A source of unguessable names: SipHash over a secret seed and what the name is for.
pub(crate) struct Names {
    seed: [u8; 32],
    count: u64,
}

impl Names {
    /// Names under this secret.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, count: 0 }
    }

    /// A name that was never given before.
    pub(crate) fn fresh(&mut self) -> String {
        self.count += 1;
        self.derived(&("fresh", self.count))
    }

    /// The name of this thing: always the same one, for answers given without keeping state.
    pub(crate) fn derived(&self, of: &impl Hash) -> String {
        let half = |which: u8| {
            let mut hasher = DefaultHasher::new();
            (self.seed, which).hash(&mut hasher);
            of.hash(&mut hasher);
            self.seed.hash(&mut hasher);
            hasher.finish()
        };
        format!("{:016x}{:08x}", half(0), half(1) >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_names_differ_and_derived_ones_repeat() {
        let mut names = Names::new([7; 32]);
        assert_ne!(names.fresh(), names.fresh());
        assert_eq!(names.derived(&"a"), names.derived(&"a"));
        assert_ne!(names.derived(&"a"), names.derived(&"b"));
        assert_ne!(names.derived(&"a"), Names::new([8; 32]).derived(&"a"));
    }
}
