//! Files with secrets that others than the gateway can get at. They work all the same, so they are told of and nothing more: where
//! an orchestrator mounts them nobody may be able to change their mode. What cards are sent with, and what signs the audit
//! chain, stops the start instead.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::config::Config;

/// What others may do with a file, and whether it is the gateway's own.
#[derive(Clone, Copy)]
struct Access {
    mode: u32,
    is_own: bool,
}

/// A line for each file whose secret others can read or change.
pub(crate) fn exposed(config: &Config) -> Vec<String> {
    let user = rustix::process::geteuid().as_raw();
    let told = |(key, path): (String, PathBuf)| {
        // What cannot be read at all is told by whoever needs it.
        let metadata = fs::metadata(&path).ok()?;
        remark(&key, &path, Access { mode: metadata.mode() & 0o777, is_own: metadata.uid() == user })
    };
    files(config).filter_map(told).collect()
}

/// Every such file, with its key.
fn files(config: &Config) -> impl Iterator<Item = (String, PathBuf)> {
    let named = [
        ("book.key_file", &config.book.key_file),
        ("book.client_secret_file", &config.book.client_secret_file),
        ("audit.ship_token_file", &config.audit.ship_token_file),
        ("carrier.token_file", &config.carrier.token_file),
        ("api.key", &config.api.key),
    ];
    let named = named.into_iter().filter_map(|(key, path)| Some((key.to_owned(), path.clone()?)));
    let agents = config
        .agent
        .iter()
        .filter_map(|(name, agent)| Some((format!("agent.{name}.auth_token_file"), agent.auth_token_file.clone()?)));
    let tokens = config
        .api
        .token
        .iter()
        .filter_map(|token| Some((format!("api.token[].secret of {:?}", token.name), token.secret.file.clone()?)));
    named.chain(agents).chain(tokens)
}

fn remark(key: &str, path: &Path, Access { mode, is_own }: Access) -> Option<String> {
    // Of a file that is somebody else's the gateway may be a reader by its group.
    let needed = if is_own { 0 } else { 0o040 };
    if mode & 0o077 & !needed == 0 {
        return None;
    }
    let shown = path.display();
    let own = if is_own { "" } else { "make it the gateway's own and " };
    Some(format!(
        "{key}: others than the gateway can read or change {shown} (mode {mode:04o}); {own}take it from them with `chmod 600 {shown}`"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn told(mode: u32, is_own: bool) -> Option<String> {
        remark("book.key_file", Path::new("/etc/tonegate/key.pem"), Access { mode, is_own })
    }

    #[test]
    fn a_secret_that_others_can_get_at_is_told_with_its_mode_and_what_to_do() {
        for (mode, is_own, is_told) in [
            (0o600, true, false),
            (0o400, true, false),
            (0o640, true, true),
            (0o604, true, true),
            (0o602, true, true),
            (0o640, false, false),
            (0o440, false, false),
            (0o660, false, true),
            (0o644, false, true),
        ] {
            assert_eq!(told(mode, is_own).is_some(), is_told, "{mode:o} {is_own}");
        }
        let said = told(0o644, true).unwrap();
        assert!(said.starts_with("book.key_file: ") && said.contains("(mode 0644)"), "{said}");
        assert!(said.ends_with("; take it from them with `chmod 600 /etc/tonegate/key.pem`"), "{said}");
        assert!(told(0o644, false).unwrap().contains("make it the gateway's own and take it"));
    }

    #[test]
    fn every_file_with_a_secret_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = directory.path().join(name);
            fs::write(&path, "a secret of sixteen").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            path
        };
        let agent = file("agent");
        let text = format!(
            "[agent.bot]\nkind = \"twilio-stream\"\nurl = \"wss://bot.example\"\nauth_token_file = {agent:?}\n\
             [[api.token]]\nname = \"desk\"\nrole = \"operator\"\nsecret = {{ file = {:?} }}\n",
            file("desk")
        );
        let mut config = Config::parse(&text).unwrap();
        config.book.key_file = Some(file("key"));
        config.book.client_secret_file = Some(file("secret"));
        config.audit.ship_token_file = Some(file("ship"));
        config.carrier.token_file = Some(file("carrier"));
        config.api.key = Some(file("api"));
        let said = exposed(&config);
        for name in ["agent", "desk", "key", "secret", "ship", "carrier", "api"] {
            let path = directory.path().join(name).display().to_string();
            assert_eq!(said.iter().filter(|line| line.contains(&format!("change {path} "))).count(), 1, "{said:#?}");
        }
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o600)).unwrap();
        config.book.key_file = Some(directory.path().join("absent"));
        assert_eq!(exposed(&config).len(), said.len() - 2);
    }
}
