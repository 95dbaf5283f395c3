//! `tonegate recording`: the keys of sealed recordings, and their opening.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use backends::recorder::{self, End, Gaps, Opened, PrivateKey};
use zeroize::Zeroizing;

/// Makes a pair of keys: the private one into a new file for its owner alone, the public one to standard output.
pub(crate) fn generate(output: &Path) -> Result<()> {
    let key = PrivateKey::generate();
    let public = key.public();
    let mut file = new_file(output)?;
    let text = Zeroizing::new(format!(
        "# Opens recordings that are sealed to {public}\n# Keep it off the gateway. Without it they cannot be heard, ever.\n{}\n",
        *key.reveal()
    ));
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| output.display().to_string())?;
    let mut out = io::stdout().lock();
    writeln!(out, "{public}")?;
    writeln!(io::stderr().lock(), "the private key is in {}; keep it off the gateway", output.display())?;
    Ok(())
}

/// Opens a sealed recording into a new file for its owner alone, and says what is there. What is before a part that was changed is
/// kept only where it `salvages`.
pub(crate) fn open(file: &Path, key: &Path, output: &Path, salvages: bool) -> Result<()> {
    let text = Zeroizing::new(fs::read_to_string(key).with_context(|| key.display().to_string())?);
    let key = PrivateKey::parse(&text).with_context(|| key.display().to_string())?;
    let mut input = BufReader::new(File::open(file).with_context(|| file.display().to_string())?);
    if output.exists() {
        bail!("{} exists; name a file that does not", output.display());
    }
    // What is opened has its name only once all of it has proven to be as it was written.
    let partial = Partial::beside(output)?;
    let mut writer = BufWriter::new(&partial.file);
    let opened = recorder::open(&mut input, &key, &mut writer).with_context(|| file.display().to_string())?;
    drop(writer);
    if let (End::Changed(at), false) = (opened.end, salvages) {
        bail!("{} was changed after it was written, at byte {at}; --salvage opens what is before it", file.display());
    }
    partial.keep(output)?;
    writeln!(io::stdout().lock(), "{}", told(&opened))?;
    Ok(())
}

fn told(opened: &Opened) -> String {
    let Opened { name, bytes, end } = opened;
    let end = match end {
        End::Whole => "whole".to_owned(),
        End::Gaps(Gaps { caller_ms, sent_ms }) => format!(
            "GAPS: as it was written, but {caller_ms} ms of the caller and {sent_ms} ms of what was sent are silent, because they \
             did not reach the disk"
        ),
        End::Missing => {
            "CUT: its end is missing, because the gateway died while writing it or because somebody cut it".to_owned()
        }
        End::Changed(_) => "SALVAGED: what was after it is not as it was written".to_owned(),
    };
    format!("recording {name}: {bytes} bytes, {end}")
}

/// A file that is removed again unless it is kept.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn beside(output: &Path) -> Result<Self> {
        let mut name = output.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        Ok(Self { file: new_file(&path)?, path })
    }

    /// Gives it its name, which nothing else may have.
    fn keep(self, output: &Path) -> Result<()> {
        self.file.sync_all().with_context(|| output.display().to_string())?;
        fs::hard_link(&self.path, output).with_context(|| output.display().to_string())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

fn new_file(path: &Path) -> Result<File> {
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    options.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_file_is_for_its_owner_alone_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recording.key");
        generate(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&path).unwrap();
        assert!(PrivateKey::parse(std::str::from_utf8(&before).unwrap()).is_ok());
        assert!(generate(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_recording_with_gaps_is_not_called_whole() {
        let told = |end| told(&Opened { name: "call".to_owned(), bytes: 7, end });
        assert_eq!(told(End::Whole), "recording call: 7 bytes, whole");
        let gaps = told(End::Gaps(Gaps { caller_ms: 20, sent_ms: 40 }));
        assert!(gaps.contains("GAPS") && gaps.contains("20 ms of the caller") && !gaps.contains("whole"), "{gaps}");
    }

    #[test]
    fn what_cannot_be_opened_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        generate(&at("key")).unwrap();
        fs::write(at("call.wav.sealed"), "no recording").unwrap();
        assert!(open(&at("call.wav.sealed"), &at("key"), &at("call.wav"), true).is_err());
        assert!(!at("call.wav").exists() && !at("call.wav.partial").exists());
    }
}
