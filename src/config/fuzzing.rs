//! What is fuzzed of the configuration (`fuzz/README.md`).

use super::Config;

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

/// A configuration file: it is taken whole and without a problem, or every problem is told.
pub(crate) fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::parse(text) {
        Ok(config) => {
            assert!(config.problems().is_empty());
            assert!(config.trunk.iter().all(|trunk| config.agent_of(trunk).is_some()), "every trunk has an agent");
            assert!(config.needs_restart(&config.reloaded(config.clone())).is_empty(), "the same changes nothing");
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.to_string().is_empty());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(configuration);
}
