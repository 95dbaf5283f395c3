//! The configuration of the instance: the one that is proven, with whatever reaches beyond this machine replaced.
//!
//! Only sections that are known here are taken over. What else a configuration has is left out, and said.

use std::{fs, io, net::IpAddr, path::Path};

use toml::{Table, Value};

use super::{CARRIER_TOKEN, Place, TOKEN};
use crate::{carrier::ACCOUNT, plan, report::Row};

/// The callers of one trunk come from addresses of their own: 127.77.N.1.
pub(crate) fn caller_address(trunk: usize) -> IpAddr {
    IpAddr::from([127, 77, u8::try_from(trunk % 250).unwrap_or_default(), 1])
}

/// The number that a caller calls from, the date of birth and the postal code of its account.
pub(crate) struct Account {
    pub(crate) number: String,
    pub(crate) born: &'static str,
    pub(crate) born_keys: &'static str,
    pub(crate) postal: &'static str,
}

/// Accounts, one for each call.
const ACCOUNTS: usize = 96;

impl Account {
    pub(crate) fn of(call: usize) -> Self {
        let number = format!("+1202555{:04}", 100 + call % ACCOUNTS);
        Self { number, born: "1984-03-17", born_keys: "03171984", postal: "20009" }
    }
}

/// The file of accounts: people who do not exist, at numbers reserved for fiction.
pub(super) fn accounts() -> String {
    let mut text =
        "external_id,reference,given_name,family_name,phone,date_of_birth,postal_code,balance,currency,creditor,flags,\
                    language,time_zone,strategy\n"
            .to_owned();
    for call in 0..ACCOUNTS {
        let Account { number, born, postal, .. } = Account::of(call);
        text.push_str(&format!(
            "PR-{call},600{call:05},Proof,Canary,{number},{born},{postal},61.24,USD,Harborlight Medical,,en,America/New_York,standard\n"
        ));
    }
    text
}

/// Copies rendered prompts, where there are some, so that the instance starts warm and writes into its own directory.
pub(super) fn copy_prompts(config: &Table, to: &Path) -> io::Result<()> {
    let from = config.get("speech").and_then(|speech| speech.get("cache")?.as_str()).unwrap_or("var/prompts");
    let Ok(files) = fs::read_dir(from) else { return Ok(()) };
    for file in files.flatten().filter(|file| file.path().is_file()) {
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

/// Sections whose keys are all about this machine.
const KEPT: [&str; 2] = ["business", "limits"];
/// Sections that are adapted below.
const ADAPTED: [&str; 14] = [
    "sip",
    "trunk",
    "media",
    "agent",
    "speech",
    "recording",
    "book",
    "store",
    "capture",
    "processor",
    "carrier",
    "operations",
    "api",
    "log",
];

/// The settings of the instance, and rows that say what is not as it will be.
pub(super) fn adapt(config: &Table, place: &Place) -> (Table, Vec<Row>) {
    let mut rows = vec![
        Row::substituted("addresses", "SIP, media, metrics and the interface are on loopback, on free ports"),
        Row::substituted("stores", "account book, store, recordings and prompts are in a directory of the run's own"),
    ];
    if is_an_org(config) {
        let why = "an embedded one with accounts of nobody; the Salesforce org is asked nothing and written nothing";
        rows.push(Row::substituted("account book", why));
    }
    let mut settings = Table::new();
    for section in KEPT {
        settings.extend(config.get(section).map(|table| (section.to_owned(), table.clone())));
    }
    for section in config.keys().filter(|name| !KEPT.contains(&name.as_str()) && !ADAPTED.contains(&name.as_str())) {
        rows.push(Row::substituted(&format!("section [{section}]"), "left out: it may reach other machines"));
    }
    let mut set = |section: &str, table: Table| settings.insert(section.to_owned(), Value::Table(table));
    set("sip", sip(config));
    set("media", media(config, place));
    set(
        "speech",
        with(
            config,
            "speech",
            &["models", "recognisers", "synthesisers", "answer_deadline_milliseconds"],
            [("cache", path(place, "prompts"))],
        ),
    );
    set("recording", recording(config, place, &mut rows));
    set(
        "book",
        with(
            config,
            "book",
            &["lookup_deadline_milliseconds"],
            [("database", path(place, "book.db")), ("accounts", path(place, "accounts.csv"))],
        ),
    );
    set("store", with(config, "store", &["commit_deadline_milliseconds"], [("database", path(place, "store.db"))]));
    set("capture", capture(config, &mut rows));
    set("processor", processor(config, place, &mut rows));
    set("operations", with(config, "operations", &[], [("listen", text("127.0.0.1:0"))]));
    if plan::is_carried(config) {
        set("carrier", carrier(config, place, &mut rows));
    }
    set("api", api(config, place));
    set("log", with(config, "log", &[], [("format", text("json")), ("level", text("trace"))]));
    set("agent", agents(config, place, &mut rows));
    let limits = settings.entry("limits").or_insert_with(|| Value::Table(Table::new()));
    if let Some(limits) = limits.as_table_mut() {
        limits.insert("calls".to_owned(), Value::Integer(i64::from((place.ports.1 - place.ports.0) / 2)));
        limits.insert("drain_seconds".to_owned(), Value::Integer(5));
    }
    settings.insert("trunk".to_owned(), Value::Array(trunks(config)));
    rows.extend(left_out(config, &settings));
    (settings, rows)
}

/// Keys of known sections that the instance does not have.
fn left_out(config: &Table, settings: &Table) -> Vec<Row> {
    let mut rows = Vec::new();
    for section in ADAPTED {
        let (Some(given), Some(taken)) =
            (config.get(section).and_then(Value::as_table), settings.get(section).and_then(Value::as_table))
        else {
            continue;
        };
        let missing: Vec<&str> = given.keys().filter(|key| !taken.contains_key(*key)).map(String::as_str).collect();
        if !missing.is_empty() {
            let why = format!("left out: {}", missing.join(", "));
            rows.push(Row::substituted(&format!("keys of [{section}]"), &why));
        }
    }
    rows
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn path(place: &Place, name: &str) -> Value {
    Value::String(place.directory.join(name).display().to_string())
}

/// A section with the keys that are kept of it, and those that are set.
fn with<const N: usize>(config: &Table, section: &str, kept: &[&str], set: [(&str, Value); N]) -> Table {
    let mut table = Table::new();
    if let Some(given) = config.get(section).and_then(Value::as_table) {
        table.extend(kept.iter().filter_map(|key| Some(((*key).to_owned(), given.get(*key)?.clone()))));
    }
    table.extend(set.map(|(key, value)| (key.to_owned(), value)));
    table
}

/// Whether the account book is an org.
fn is_an_org(config: &Table) -> bool {
    config.get("book").and_then(|book| book.get("kind")).and_then(Value::as_str) == Some("salesforce")
}

fn sip(config: &Table) -> Table {
    let loopback = || Value::Array(vec![text("127.0.0.1:0")]);
    with(config, "sip", &["retry_after_seconds"], [("udp", loopback()), ("tcp", loopback())])
}

fn media(config: &Table, place: &Place) -> Table {
    with(
        config,
        "media",
        &["threads"],
        [
            ("address", text("127.0.0.1")),
            ("first_port", Value::Integer(i64::from(place.ports.0))),
            ("last_port", Value::Integer(i64::from(place.ports.1))),
            ("quarantine_seconds", Value::Integer(2)),
        ],
    )
}

fn recording(config: &Table, place: &Place, rows: &mut Vec<Row>) -> Table {
    let mut table = with(
        config,
        "recording",
        &["enabled", "consent", "quota_megabytes", "format", "withhold_seconds"],
        [("directory", path(place, "recordings")), ("allow_clear", Value::Boolean(true))],
    );
    if let Some(key) = &place.seal_to {
        rows.push(Row::substituted(
            "recording.seal_to",
            "sealed to a key of the run's own, so that recordings can be searched",
        ));
        table.insert("seal_to".to_owned(), text(key));
    }
    table
}

fn capture(config: &Table, rows: &mut Vec<Row>) -> Table {
    if plan::is_carried(config) {
        return with(config, "capture", &["enabled", "by", "brands", "postal", "bank_accounts"], []);
    }
    rows.push(Row::substituted("capture.canary", "the vault takes the range of numbers that no network issues"));
    if let Some(carrier) = plan::carrier(config) {
        let why = format!("this machine's vault takes the keys of cards, in place of {carrier}");
        rows.push(Row::substituted("capture.by", &why));
    }
    with(
        config,
        "capture",
        &["enabled", "brands", "postal", "vault", "bank_accounts"],
        [("canary", Value::Boolean(true))],
    )
}

/// Nothing is taken over: a live processor's key does not even come near.
fn processor(config: &Table, place: &Place, rows: &mut Vec<Row>) -> Table {
    if let Some(kind) = live_processor(config) {
        let why = format!("the live processor ({kind}) is replaced by the sandbox, a real HTTPS server");
        rows.push(Row::substituted("payment processor", &why));
    }
    let address = text(&place.processor.to_string());
    with(config, "processor", &[], [("address", address), ("ca", path(place, "processor/ca.pem"))])
}

/// The kind of a processor that is no sandbox.
pub(crate) fn live_processor(config: &Table) -> Option<&str> {
    let kind = config.get("processor").and_then(|processor| processor.get("kind")?.as_str());
    kind.filter(|kind| *kind != "sandbox")
}

/// The carrier that takes cards is replaced by the run's own.
fn carrier(config: &Table, place: &Place, rows: &mut Vec<Row>) -> Table {
    rows.push(Row::substituted(
        "carrier",
        "the carrier that takes cards is replaced by the run's own, which charges nobody",
    ));
    let token = ("token_file", path(place, CARRIER_TOKEN));
    let url = ("url", text(&format!("http://{}", place.bot)));
    with(config, "carrier", &["connector"], [url, ("account", text(ACCOUNT)), token])
}

/// The carrier has to be told an address before there is one.
fn api(config: &Table, place: &Place) -> Table {
    let secret = Table::from_iter([("env".to_owned(), text(TOKEN))]);
    let token = Table::from_iter([
        ("name".to_owned(), text("prove")),
        ("role".to_owned(), text("operator")),
        ("secret".to_owned(), Value::Table(secret)),
    ]);
    with(
        config,
        "api",
        &["request_deadline_milliseconds"],
        [
            ("listen", text(&place.api.to_string())),
            ("public_url", text(&format!("http://{}", place.api))),
            ("token", Value::Array(vec![Value::Table(token)])),
        ],
    )
}

/// Bots are replaced by the run's own, so that all that they are sent can be searched.
fn agents(config: &Table, place: &Place, rows: &mut Vec<Row>) -> Table {
    let mut agents = config.get("agent").and_then(Value::as_table).cloned().unwrap_or_default();
    for (name, agent) in &mut agents {
        let Some(agent) = agent.as_table_mut() else { continue };
        if agent.get("kind").and_then(Value::as_str) == Some("twilio-stream") {
            rows.push(Row::substituted(
                &format!("agent {name}"),
                "a bot of the run's own takes its stream, and keeps all of it",
            ));
            for key in ["ca", "auth_token_file"] {
                agent.remove(key);
            }
            agent.insert("url".to_owned(), text(&format!("ws://{}/stream", place.bot)));
        }
    }
    agents
}

/// Trunks as they are, told apart by addresses of loopback.
fn trunks(config: &Table) -> Vec<Value> {
    let given = config.get("trunk").and_then(Value::as_array).cloned();
    let mut trunks = given.unwrap_or_else(|| vec![Value::Table(Table::new())]);
    for (place, trunk) in trunks.iter_mut().enumerate() {
        let Some(trunk) = trunk.as_table_mut() else { continue };
        trunk.insert("peers".to_owned(), Value::Array(vec![text(&format!("{}/32", caller_address(place)))]));
        trunk.insert("capacity".to_owned(), Value::Integer(50));
    }
    trunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    fn place() -> Place {
        Place {
            directory: "/run/x".into(),
            ports: (6_000, 6_119),
            processor: "127.0.0.1:9".parse().unwrap(),
            bot: "127.0.0.1:7".parse().unwrap(),
            api: "127.0.0.1:5".parse().unwrap(),
            seal_to: None,
        }
    }

    #[test]
    fn nothing_of_a_live_configuration_reaches_beyond_this_machine() {
        let live = "[sip]\nudp = [\"192.0.2.1:5060\"]\nadvertised_address = \"192.0.2.1\"\n[[trunk]]\nname = \"carrier\"\n\
                    peers = [\"198.51.100.0/24\"]\nagent = \"bot\"\nsrtp = \"required\"\n[agent.bot]\nkind = \"twilio-stream\"\n\
                    url = \"wss://bot.example.com/x\"\nca = \"/etc/ca.pem\"\n[processor]\nkind = \"stripe\"\naddress = \"192.0.2.9:443\"\n\
                    key_file = \"/etc/token\"\naccount = \"other\"\n\
                    [api]\nlisten = \"192.0.2.1:443\"\ncertificate = \"/etc/cert.pem\"\n[elsewhere]\nhost = \"192.0.2.8\"\n";
        let (settings, rows) = adapt(&live.parse().unwrap(), &place());
        let written = settings.to_string();
        for stranger in ["192.0.2", "198.51.100", "example.com", "/etc/", "other"] {
            assert!(!written.contains(stranger), "{stranger} in {written}");
        }
        assert!(written.contains("srtp = \"required\"") && written.contains("canary = true"), "{written}");
        let told: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        for name in ["payment processor", "agent bot", "section [elsewhere]", "keys of [sip]", "keys of [processor]"] {
            assert!(told.contains(&name), "{told:?}");
        }
    }

    #[test]
    fn that_an_embedded_book_stands_in_for_an_org_is_told() {
        for (book, is_told) in [
            (
                "[book]\nkind = \"salesforce\"\nurl = \"https://acme.my.salesforce.com\"\nkey_file = \"/etc/key.pem\"\n",
                true,
            ),
            ("[book]\nkind = \"sqlite\"\n", false),
            ("", false),
        ] {
            let (settings, rows) = adapt(&book.parse().unwrap(), &place());
            let written = settings["book"].to_string();
            assert!(!written.contains("salesforce") && written.contains("book.db"), "{written}");
            let row = rows.iter().find(|row| row.name == "account book");
            assert_eq!(row.is_some(), is_told, "{book}");
            assert!(row.is_none_or(|row| row.verdict == Verdict::Substituted && row.detail.contains("Salesforce org")));
        }
    }

    #[test]
    fn every_call_has_an_account_of_its_own() {
        let text = accounts();
        assert_eq!(text.lines().count(), ACCOUNTS + 1);
        assert!(text.contains(&Account::of(7).number) && Account::of(7).number != Account::of(8).number);
    }
}
