//! The folder that an assessor gets: what was tried, on what, with which programs, and what came of it.

mod bill;
mod diagram;
mod redaction;

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use ring::digest;
use serde_json::json;
use toml::Table;

use crate::{plan::Trunk, report::Report};

/// What the folder is made of.
pub(crate) struct Evidence<'a> {
    pub(crate) report: &'a Report,
    /// The configuration that was proven.
    pub(crate) config: &'a Table,
    pub(crate) trunks: &'a [Trunk],
    /// What the instance ran with.
    pub(crate) instance: &'a Path,
    /// What `tonegate audit verify` said.
    pub(crate) audit: &'a str,
    /// The programs that ran.
    pub(crate) programs: &'a [PathBuf],
    /// When it began, in seconds since 1970.
    pub(crate) began: u64,
}

impl Evidence<'_> {
    /// Writes everything into `folder`, which must be empty or absent, and last the hash of each file.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        make_room(folder)?;
        let programs = self.programs();
        let results = json!({
            "format": 1,
            "began_unix_seconds": self.began,
            "version": env!("CARGO_PKG_VERSION"),
            "passes": self.report.passes(),
            "accepted": self.report.accepted,
            "programs": programs.iter().map(|(path, hash)| json!({"path": path, "sha256": hash})).collect::<Vec<_>>(),
            "rows": self.report.rows,
        });
        let put = |name: &str, text: String| fs::write(folder.join(name), text);
        put("results.json", serde_json::to_string_pretty(&results)? + "\n")?;
        put("results.md", self.summary(&programs))?;
        put("data-flow.mmd", diagram::mermaid(self.config, self.trunks))?;
        put("configuration.toml", redaction::without_secrets(self.config).to_string())?;
        put("instance.toml", self.instance_without_secrets()?)?;
        put("audit.txt", self.audit.to_owned())?;
        put("sbom.cdx.json", serde_json::to_string_pretty(&bill::cyclone_dx())? + "\n")?;
        seal(folder)
    }

    fn instance_without_secrets(&self) -> io::Result<String> {
        let config = fs::read_to_string(self.instance)?.parse().map_err(io::Error::other)?;
        Ok(redaction::without_secrets(&config).to_string())
    }

    fn programs(&self) -> Vec<(String, String)> {
        let hash = |path: &PathBuf| sha256(path).unwrap_or_else(|error| format!("not read: {error}"));
        self.programs.iter().map(|path| (path.display().to_string(), hash(path))).collect()
    }

    fn summary(&self, programs: &[(String, String)]) -> String {
        let verdict = if self.report.passes() { "PASS" } else { "FAIL" };
        let programs: String = programs.iter().map(|(path, hash)| format!("- `{path}` {hash}\n")).collect();
        format!(
            "# tonegate prove: {verdict}\n\nCards that nobody owns were keyed through every way in below, and every sink below was \
             searched for them. A row that says NOT SEARCHED or NOT TRIED is no pass.\n\n{}\nPrograms:\n\n{programs}",
            self.report.table()
        )
    }
}

/// Makes the folder, which may hold nothing.
pub(crate) fn make_room(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        let why = format!("{} is not empty; name another folder for the evidence", folder.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    Ok(())
}

/// Writes the hash of each file, as `sha256sum --check` reads them.
fn seal(folder: &Path) -> io::Result<()> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    let mut lines = String::new();
    for path in names.iter().filter(|path| path.is_file()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        lines.push_str(&format!("{}  {name}\n", sha256(path)?));
    }
    fs::write(folder.join("SHA256SUMS"), lines)
}

fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut context, mut room) =
        (File::open(path)?, digest::Context::new(&digest::SHA256), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut room)?;
        if read == 0 {
            return Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        context.update(&room[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan, report::Row};

    #[test]
    fn a_folder_holds_every_part_and_the_hash_of_each() {
        let directory = tempfile::tempdir().unwrap();
        let instance = directory.path().join("tonegate.toml");
        fs::write(&instance, "[agent.bot]\nparameters = { key = \"hidden\" }\n").unwrap();
        let config: Table = "[business]\nname = \"X\"".parse().unwrap();
        let report = Report { rows: vec![Row::searched("log", "9 bytes", &[])], ..Report::default() };
        let evidence = Evidence {
            report: &report,
            config: &config,
            trunks: &plan::trunks(&config),
            instance: &instance,
            audit: "3 records of 1 call, unbroken",
            programs: std::slice::from_ref(&instance),
            began: 7,
        };
        let folder = directory.path().join("evidence");
        evidence.write(&folder).unwrap();
        let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        let files = ["results.json", "results.md", "data-flow.mmd", "configuration.toml", "audit.txt", "sbom.cdx.json"];
        assert!(files.iter().all(|file| sums.contains(file)), "{sums}");
        assert!(sums.contains("  instance.toml\n"), "{sums}");
        let ran_with = fs::read_to_string(folder.join("instance.toml")).unwrap();
        assert!(ran_with.contains("key = ") && !ran_with.contains("hidden"), "{ran_with}");
        let results: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("results.json")).unwrap()).unwrap();
        assert_eq!((&results["passes"], &results["rows"][0]["verdict"]), (&json!(false), &json!("pass")));
        assert!(evidence.write(&folder).is_err(), "nothing is written over");
    }
}
