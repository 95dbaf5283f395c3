//! A configuration without secrets. It should hold none, only the names of files and variables that do; but somebody may have put
//! one into an address or a parameter.

use toml::{Table, Value};

const REMOVED: &str = "(removed)";
/// Parts of keys whose values are taken out, unless they are tables that say where a secret is, or files.
const SECRET: [&str; 4] = ["secret", "password", "token", "authorization"];

/// A copy without them.
pub(super) fn without_secrets(config: &Table) -> Table {
    config.iter().map(|(key, value)| (key.clone(), cleaned(key, value))).collect()
}

fn cleaned(key: &str, value: &Value) -> Value {
    match value {
        Value::Table(table) if key == "parameters" => {
            Value::Table(table.keys().map(|key| (key.clone(), Value::String(REMOVED.to_owned()))).collect())
        }
        Value::Table(table) => Value::Table(without_secrets(table)),
        Value::Array(list) => Value::Array(list.iter().map(|item| cleaned(key, item)).collect()),
        Value::String(text) => Value::String(text_of(key, text)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.clone(),
    }
}

fn text_of(key: &str, text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://") {
        return format!("{scheme}://{}", address(rest));
    }
    let is_place = text.starts_with('/') || key.ends_with("_file") || key == "env" || key == "file";
    let is_secret = SECRET.iter().any(|part| key.contains(part));
    if is_secret && !is_place { REMOVED.to_owned() } else { text.to_owned() }
}

/// An address without who asks for it and with what.
fn address(rest: &str) -> &str {
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    host.rfind('@').map_or(rest, |at| &rest[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_taken_out_and_places_stay() {
        let config = "[agent.bot]\nurl = \"wss://user:hidden@bot.example.com/x?key=hidden\"\nauth_token_file = \"/etc/token\"\n\
                      parameters = { campaign = \"hidden\" }\n[[api.token]]\nname = \"desk\"\nsecret = { env = \"TONEGATE_DESK\" }\n\
                      [other]\ntoken = \"hidden\"\ncount = 3\n";
        let text = without_secrets(&config.parse().unwrap()).to_string();
        assert!(!text.contains("hidden"), "{text}");
        for kept in ["wss://bot.example.com/x", "/etc/token", "TONEGATE_DESK", "campaign", "count = 3"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }
}
