//! Where the speech programs are.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Where Debian's packages put them.
const PACKAGED: &str = "/usr/bin";

/// The first program of this name on `PATH`, or its place in Debian's packages. Only absolute directories count: what a
/// call depends on may not change with the working directory.
pub(super) fn find(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).filter(|place| place.is_absolute()).map(|place| place.join(name));
    places.find(|program| program.is_file()).unwrap_or_else(|| Path::new(PACKAGED).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_or_where_it_is_packaged() {
        assert!(find("sh").is_absolute() && find("sh").is_file());
        assert_eq!(find("no-such-speech-program"), Path::new("/usr/bin/no-such-speech-program"));
    }
}
