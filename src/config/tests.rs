use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const README: &str = include_str!("../../config/README.md");
const SHIPPED: &str = include_str!("../../config/tonegate.toml");

fn complaint(text: &str) -> String {
    let problems = Config::parse(text).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A configuration in which every list, map and option that holds keys has an element.
fn full() -> Config {
    let mut config = Config::default();
    let agent = config.agent.get_mut(DEFAULT_AGENT).unwrap();
    agent.parameters.insert("campaign".into(), "spring".into());
    let secret = SecretSource { env: Some("TONEGATE_OPERATOR".into()), file: None };
    config.api.token.push(ApiToken { name: "desk".into(), role: Role::Operator, secret });
    config.transfer.push(Transfer { name: "desk".into(), uri: "sip:desk@example.com".into(), announce: true });
    config
}

/// The paths of every value, as the reference writes them.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let any_name = matches!(path, "agent" | "agent.*.parameters");
                let name = if any_name { "*" } else { name };
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                paths(value, &path, found);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            items.iter().for_each(|item| paths(item, &format!("{path}[]"), found));
        }
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn an_empty_file_is_the_default_and_has_no_problems() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn the_shipped_file_loads() {
    let config = Config::parse(SHIPPED).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(!config.trunk.is_empty());
}

#[test]
fn the_table_of_keys_is_what_is_read() {
    let mut read = BTreeSet::new();
    paths(&serde_json::to_value(full()).unwrap(), "", &mut read);
    let listed: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(listed, read);
    assert_eq!(listed.len(), KEYS.len(), "a key is listed twice");
}

#[test]
fn the_defaults_in_the_table_are_the_defaults() {
    let defaults = serde_json::to_value(full()).unwrap();
    for key in KEYS.iter().filter(|key| key.default != "required" && !key.path.starts_with("api.token")) {
        let pointer = format!("/{}", key.path.replace("[]", ".0").replace('*', DEFAULT_AGENT).replace('.', "/"));
        let actual = defaults.pointer(&pointer).unwrap_or(&Value::Null);
        if key.default == "none" {
            assert!(actual.is_null(), "{}: {actual}", key.path);
            continue;
        }
        let document: toml::Table = toml::from_str(&format!("value = {}", key.default)).unwrap();
        assert_eq!(&serde_json::to_value(&document["value"]).unwrap(), actual, "{}", key.path);
    }
}

#[test]
fn the_reference_documents_every_key_and_no_other() {
    let expected: Vec<String> = KEYS
        .iter()
        .map(|key| {
            let default = match key.default {
                "required" | "none" => key.default.to_owned(),
                literal => format!("`{literal}`"),
            };
            format!("| `{}` | {default} | {} |", key.path, key.meaning)
        })
        .collect();
    let written: Vec<&str> = README.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(written == expected, "config/README.md should say:\n{}", expected.join("\n"));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_real_one() {
    assert_eq!(
        complaint("[sip]\nadvertized_address = \"192.0.2.1\"\n"),
        "line 2: sip.advertized_address: unknown key; did you mean `sip.advertised_address`?"
    );
    assert_eq!(complaint("[trunks]\n"), "line 1: trunks: unknown key; did you mean `trunk`?");
    assert_eq!(
        complaint("[[trunk]]\nname = \"a\"\n[[trunk]]\nname = \"b\"\npeer = []\n"),
        "line 5: trunk[].peer: unknown key; did you mean `trunk[].peers`?"
    );
    assert_eq!(
        complaint("[agent.bot]\nkind = \"collector\"\nurls = \"x\"\n"),
        "line 3: agent.*.urls: unknown key; did you mean `agent.*.url`?"
    );
}

#[test]
fn a_key_of_another_section_is_pointed_to() {
    assert_eq!(
        complaint("[media]\nadvertised_address = \"192.0.2.1\"\n"),
        "line 2: media.advertised_address: unknown key; did you mean `sip.advertised_address`?"
    );
}

#[test]
fn a_key_like_no_other_is_pointed_to_the_reference() {
    assert_eq!(complaint("zzzz = 1\n"), "line 1: zzzz: unknown key; config/README.md lists every key");
}

#[test]
fn all_unknown_keys_are_named_at_once() {
    assert_eq!(complaint("[sip]\nudpp = []\n[media]\nthread = 1\n").lines().count(), 2);
}

#[test]
fn text_that_is_no_toml_is_named_with_its_line() {
    assert!(complaint("[sip]\nudp = [\n").contains("line "));
}

#[test]
fn a_bad_value_is_named_with_line_and_key() {
    let complaint = complaint("[media]\n\nfirst_port = 70000\n");
    assert!(complaint.starts_with("line 3: first_port: "), "{complaint}");
    let complaint = self::complaint("[[trunk]]\nsrtp = \"always\"\n");
    assert!(complaint.starts_with("line 2: ") && complaint.contains("`required`"), "{complaint}");
}

#[test]
fn a_socket_that_is_no_address_is_named_with_its_text() {
    let name = "\"localhost:7260\" is no address and port; write numbers";
    for text in ["[sip]\ntcp = [\"localhost:7260\"]", "[api]\nlisten = \"localhost:7260\""] {
        let complaint = complaint(text);
        assert!(complaint.starts_with("line 2: ") && complaint.contains(name), "{complaint}");
    }
}

#[test]
fn a_bot_that_never_accepts_leaves_time_for_an_apology_within_two_seconds() {
    assert!(Agent::default().connect_deadline_milliseconds.0 <= 1_500);
}

#[test]
fn a_secret_written_into_the_file_is_refused_without_being_repeated() {
    let text = "[[api.token]]\nname = \"desk\"\nrole = \"operator\"\nsecret = \"correct-horse-battery\"\n";
    let complaint = complaint(text);
    assert!(complaint.contains("TONEGATE_") && !complaint.contains("horse"), "{complaint}");
}

#[test]
fn values_that_cannot_work_are_named_with_what_to_do() {
    let cases = [
        ("[sip]\nudp = []\ntcp = []", "sip.udp: no address"),
        ("[sip]\nudp = [\"0.0.0.0:5060\"]", "sip.advertised_address: needed"),
        ("trunk = []", "trunk: no trunk"),
        ("[[trunk]]\nname = \"a b\"", "trunk[].name: "),
        ("[[trunk]]\nname = \"a\"\n[[trunk]]\nname = \"a\"", "two trunks are named \"a\""),
        (
            "[[trunk]]\nname = \"a\"\npeers = [\"192.0.2.0/24\"]\n[[trunk]]\nname = \"b\"\npeers = [\"2001:db8::/32\", \"192.0.2.9\"]",
            "192.0.2.0/24 of trunk \"a\" and 192.0.2.9/32 of trunk \"b\" overlap",
        ),
        ("[[trunk]]\nagent = \"bot\"", "no agent is named \"bot\""),
        ("[[trunk]]\npeers = []", "has no peers"),
        ("[[trunk]]\ncapacity = 0", "takes no call"),
        ("[[trunk]]\ncodecs = []", "name a codec"),
        ("[[transfer]]\nname = \"a b\"\nuri = \"tel:+12025550100\"", "transfer[].name: \"a b\" must be unique"),
        ("[[transfer]]\nname = \"desk\"\nuri = \"desk\"", "transfer[].uri: that of transfer \"desk\" is no URI"),
        ("[[transfer]]\nname = \"desk\"\nuri = \"sip:desk@example.com?Replaces=x\"", "says more than where"),
        ("[sip]\nudp = [\"192.0.2.1:5060\"]", "media.address: calls come from other machines"),
        ("[sip]\nudp = [\"[::1]:5060\"]", "sip.udp: ::1 and `media.address` 127.0.0.1 are not of one family"),
        ("[sip]\ntcp = [\"[::1]:5060\"]", "sip.tcp: ::1 and"),
        ("[sip]\nadvertised_address = \"2001:db8::1\"", "sip.advertised_address: 2001:db8::1 and"),
        (
            "[sip]\nudp = [\"192.0.2.1:5060\"]",
            "recording.seal_to: recordings of real callers would lie on the disk in clear",
        ),
        ("[recording]\nseal_to = \"recording-public:AAAA\"", "recording.seal_to: is no public key"),
        ("[recording]\nseal_to = \"recording-private:AAAA\"", "recording.seal_to: is a private key"),
        ("[media]\naddress = \"::1\"", "sip.udp: 127.0.0.1 and `media.address` ::1"),
        ("[media]\nfirst_port = 20001", "must be an even port"),
        ("[media]\nlast_port = 20009", "holds 5 calls but `limits.calls` is 100"),
        ("[media]\nlast_port = 1", "must be above"),
        ("[agent.collector]\nurl = \"wss://bot.example.com\"", "has no address"),
        ("[agent.collector]\nauth_token_file = \"token\"", "signs nothing"),
        ("[agent.bot]\nkind = \"twilio-stream\"", "agent.bot.url: needed"),
        ("[agent.bot]\nkind = \"twilio-stream\"\nurl = \"ws://bot.example.com/s\"", "in clear"),
        ("[agent.bot]\nkind = \"twilio-stream\"\nurl = \"https://bot.example.com/s\"", "must begin with wss://"),
        ("[business]\nname = \"Acme Debt Recovery\"", "business.name: the business name is empty, or a word in it"),
        ("[agent.collector]\nparameters = { tonegate_token = \"x\" }", "are the gateway's own"),
        ("[business]\nname = \"\"", "use a name that whoever answers may hear"),
        ("[business]\ntime_zone = \"Moon/Base\"", "is no IANA time zone"),
        ("[audit]\nnode = \"a b\"", "audit.node: \"a b\" cannot name a gateway"),
        ("[audit]\ncheckpoint_seconds = 0", "is no workable time"),
        ("[audit]\nship_to = \"http://a.example\"", "audit.ship_to: must begin with https://"),
        ("[audit]\nship_to = \"https://a.example\"", "audit.ship_ca: needed"),
        ("[audit]\nship_ca = \"a.pem\"", "audit.ship_to: nothing is posted without it"),
        ("[control]\noperators = [\"x\"]", "control.operators: is no public key"),
        (
            "[sip]\nudp = [\"192.0.2.1:5060\"]\n[media]\naddress = \"192.0.2.1\"\n[processor]\nkind = \"stripe\"\nkey_file = \"k\"",
            "control.operators: needed where callers from other machines pay",
        ),
        (
            "[sip]\nudp = [\"192.0.2.1:5060\"]\n[media]\naddress = \"192.0.2.1\"\n[capture]\nby = \"twilio\"",
            "control.operators: needed where callers from other machines pay",
        ),
        (
            "[capture]\nby = \"twilio\"\n[processor]\ntest_mode = true",
            "processor.test_mode: keeps no real card from a carrier",
        ),
        ("[capture]\nbrands = []", "no card could be taken"),
        ("[processor]\naddress = \"192.0.2.1:443\"", "processor.address: the sandbox runs on this machine"),
        ("[processor]\naddress = \"localhost:443\"", "is no address and port"),
        ("[processor]\ntest_mode = false", "processor.test_mode: the sandbox takes no real card"),
        ("[processor]\nkind = \"stripe\"", "processor.key_file: needed for Stripe"),
        ("[processor]\nkind = \"stripe\"\nkey_file = \"k\"\naccount = \"1A\"", "is no connected account"),
        ("[processor]\nkind = \"tokeniser\"\nkey_file = \"k\"", "processor.name: needed for a tokeniser"),
        ("[processor]\nkind = \"tokeniser\"\nname = \"tokens.example.com\"", "would know nobody"),
        ("[processor]\nname = \"https://example.com\"", "processor.name: must be a host name"),
        ("[processor]\nclient_key = \"k\"", "go together"),
        ("[processor]\naccount = \"acct_1A\"", "processor.account: means something to Stripe only"),
        ("[processor]\ncharge_path = \"/v1/charges\"", "processor.charge_path: means something to a tokeniser only"),
        (
            "[processor]\nkind = \"tokeniser\"\nname = \"tokens.example.com\"\nkey_file = \"k\"\ncharge_path = \"v1\"",
            "must be a path",
        ),
        ("[processor]\nanswer_deadline_seconds = 0", "must be 1 to 60"),
        ("[capture]\ncanary = true\n[processor]\nkind = \"stripe\"\nkey_file = \"k\"", "go to the sandbox only"),
        (
            "[capture]\nbank_accounts = true\n[processor]\nkind = \"stripe\"\nkey_file = \"k\"",
            "capture.bank_accounts: Stripe decides a debit of a bank account in days",
        ),
        ("[capture]\nbank_accounts = true\nby = \"telnyx\"", "has Telnyx take cards only"),
        (
            "[capture]\nby = \"twilio\"\n[processor]\nkind = \"stripe\"\nkey_file = \"k\"",
            "processor.kind: where a carrier takes payments none is submitted from here",
        ),
        ("[api]\nlisten = \"0.0.0.0:8080\"", "tokens would travel in clear"),
        ("[api]\ncertificate = \"a.pem\"", "go together"),
        ("[api]\nlisten = \"127.0.0.1:9464\"", "already taken by `operations.listen`"),
        ("[limits]\ncalls = 0", "no call could be taken"),
        ("[limits]\ntick_lag_milliseconds = 1", "no machine is so punctual"),
        ("[store]\ncommit_deadline_milliseconds = 0", "is no workable deadline"),
        (
            "[[api.token]]\nname = \"a\"\nrole = \"operator\"\nsecret = { env = \"HOME\" }",
            "does not begin with TONEGATE_",
        ),
    ];
    for (text, expected) in cases {
        let complaint = complaint(text);
        assert!(complaint.contains(expected), "{text}\n→ {complaint}");
    }
}

#[test]
fn plain_sockets_are_for_this_machine_or_on_purpose() {
    for url in ["ws://127.0.0.1:9000/s", "ws://localhost/s", "ws://[::1]:9000/s"] {
        Config::parse(&format!("[agent.bot]\nkind = \"twilio-stream\"\nurl = \"{url}\"")).unwrap();
    }
    let text = "[agent.bot]\nkind = \"twilio-stream\"\nurl = \"ws://10.0.0.8/s\"\nallow_plain = true";
    Config::parse(text).unwrap();
}

#[test]
fn recordings_lie_in_clear_on_purpose_or_on_this_machine_alone() {
    let outside = "[sip]\nudp = [\"192.0.2.1:5060\"]\ntcp = []\n[media]\naddress = \"192.0.2.1\"\n[recording]\n";
    Config::parse("").unwrap();
    for setting in ["enabled = false", "allow_clear = true"] {
        Config::parse(&format!("{outside}{setting}")).unwrap_or_else(|problems| panic!("{setting}: {problems:?}"));
    }
    assert!(complaint(outside).starts_with("recording.seal_to: "), "{}", complaint(outside));
}

#[test]
fn a_file_with_every_other_key_cut_off_is_never_a_panic() {
    for end in (0..SHIPPED.len()).filter(|end| SHIPPED.is_char_boundary(*end)) {
        drop(Config::parse(&SHIPPED[..end]));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("no/such/file.toml")).unwrap_err().to_string();
    assert!(error.contains("no/such/file.toml") && error.contains("--config"), "{error}");
}

#[test]
fn only_what_can_be_reloaded_is_reloaded() {
    let mut next = Config::default();
    next.trunk[0].capacity = 1;
    next.limits.calls = 1;
    assert!(Config::default().needs_restart(&next).is_empty());
    next.capture.postal = false;
    next.processor.keep_card = true;
    next.media.threads = 4;
    assert_eq!(Config::default().needs_restart(&next), ["media", "capture", "processor"]);
    let mut secure = Config::default();
    secure.api.certificate = Some("old.pem".into());
    let mut renewed = secure.clone();
    renewed.api.certificate = Some("new.pem".into());
    assert!(secure.needs_restart(&renewed).is_empty());
    assert_eq!(Config::default().needs_restart(&secure), ["api"]);
}

#[test]
fn a_reload_takes_the_business_and_the_limits_and_leaves_the_card_settings() {
    let mut next = Config::default();
    next.business.name = "Eastgate Services".to_owned();
    next.limits.calls = 7;
    next.capture.enabled = false;
    next.recording.enabled = false;
    let reloaded = Config::default().reloaded(next.clone());
    assert_eq!((&reloaded.business, &reloaded.limits), (&next.business, &next.limits));
    let before = Config::default();
    assert_eq!((reloaded.capture, reloaded.recording), (before.capture, before.recording));
}

/// The sources that could read a key: all but those that only list, read in and check the file.
fn sources(directory: &Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "config" {
            sources(&path, text);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_key_is_read_somewhere() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut text = std::fs::read_to_string(source.join("config/section.rs")).unwrap();
    sources(source, &mut text);
    for key in KEYS.iter().filter(|key| key.path != "speech.models") {
        let field = key.path.split(['.', '[', ']']).rfind(|part| !part.is_empty() && *part != "*").unwrap();
        let is_read = text.match_indices(&format!(".{field}")).any(|(at, found)| {
            let after = text[at + found.len()..].chars().next();
            !after.is_some_and(|after| after.is_alphanumeric() || after == '_')
        });
        assert!(is_read, "{}: nothing reads it; wire it or take it out of the file", key.path);
    }
}
