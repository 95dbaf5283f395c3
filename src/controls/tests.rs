//! A configuration that weakens a control alone does not start; two operators can.

use std::fs;

use backends::{audit::Signer, control::Approval, store::StoreOptions};
use tempfile::TempDir;

use super::*;
use crate::arguments::ProposeOptions;

struct Plant {
    directory: TempDir,
    keys: [Signer; 2],
}

impl Plant {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir_all(directory.path().join("audit/approvals")).unwrap();
        let keys = ["ada", "grace"].map(|name| Signer::create(name, &directory.path().join(name)).unwrap());
        Self { directory, keys }
    }

    fn config(&self, more: &str) -> PathBuf {
        let [ada, grace] = self.keys.each_ref().map(Signer::verifier);
        let store = self.directory.path().join("store.db");
        let text = format!(
            "[store]\ndatabase = \"{}\"\n[control]\noperators = [\"{ada}\", \"{grace}\"]\n{more}",
            store.display()
        );
        let path = self.directory.path().join("tonegate.toml");
        fs::write(&path, text).unwrap();
        path
    }

    fn store(&self) -> Store {
        let options = StoreOptions { least_free: 0, ..StoreOptions::at(self.directory.path().join("store.db")) };
        Store::open(options, Timestamp::now()).unwrap().0
    }

    /// Starts with a configuration.
    async fn start(&self, store: &Store, more: &str) -> Result<Controls> {
        begin(&Config::load(&self.config(more)).unwrap(), store).await
    }

    /// Proposes and signs as the commands do, and presents it.
    fn approve(&self, name: &str, control: &str, more: &str, (value, adopt, signers): (Option<&str>, bool, usize)) {
        let output = self.directory.path().join(format!("audit/approvals/{name}.approval"));
        let options = ProposeOptions {
            control: control.to_owned(),
            config: self.config(more),
            value: value.map(str::to_owned),
            adopt,
            minutes: 60,
            reason: "a trial".to_owned(),
            output: output.clone(),
        };
        propose(&options).unwrap();
        for operator in ["ada", "grace"].iter().take(signers) {
            sign(&output, &self.directory.path().join(operator)).unwrap();
        }
        assert_eq!(check(&output, &options.config).is_ok(), signers == 2);
    }
}

const OTHER: &str = "[processor]\nname = \"other.example\"\n";

fn problem(result: Result<Controls>) -> String {
    result.err().expect("a start that is refused").to_string()
}

#[tokio::test]
async fn a_processor_changes_by_two_operators_or_not_at_all() {
    let (plant, first) = (Plant::new(), "[processor]\nname = \"first.example\"\n");
    let store = plant.store();
    plant.start(&store, first).await.unwrap();
    assert!(problem(plant.start(&store, OTHER).await).contains("the processor of cards"));
    plant.approve("one", "processor", OTHER, (None, false, 1));
    assert!(problem(plant.start(&store, OTHER).await).contains("two operators"));
    plant.approve("two", "processor", OTHER, (None, false, 2));
    let controls = plant.start(&store, OTHER).await.unwrap();
    assert!(controls.core.active(Control::Processor).is_some(), "for a time");
    // Without its approval the first is the accepted one still.
    fs::remove_file(plant.directory.path().join("audit/approvals/two.approval")).unwrap();
    assert!(problem(plant.start(&store, OTHER).await).contains("the processor of cards"));
    plant.start(&store, first).await.unwrap();
    plant.approve("three", "processor", OTHER, (None, true, 2));
    plant.start(&store, OTHER).await.unwrap();
    fs::remove_file(plant.directory.path().join("audit/approvals/three.approval")).unwrap();
    plant.start(&store, OTHER).await.unwrap();
    assert!(problem(plant.start(&store, first).await).contains("the processor of cards"), "it was accepted for good");
    let records = store.control_audit().await.unwrap().join("\n");
    for kind in ["control_adopted", "control_weakened", "control_restored", "approval_refused", "one_signature", "ada"]
    {
        assert!(records.contains(kind), "{kind} is not in the chain: {records}");
    }
}

#[tokio::test]
async fn a_carrier_that_takes_the_cards_changes_by_two_operators() {
    let plant = Plant::new();
    let (store, authority) = (plant.store(), plant.directory.path().join("carrier.pem"));
    let carrier = |url: &str| format!("[carrier]\nurl = \"{url}\"\nca = \"{}\"\n", authority.display());
    let (first, other) = (carrier("https://api.carrier.example"), carrier("https://other.example"));
    fs::write(&authority, "one").unwrap();
    for _ in 0..2 {
        plant.start(&store, &first).await.unwrap();
    }
    assert!(problem(plant.start(&store, &other).await).contains("the processor of cards"));
    // The same file by name, with another authority in it; the sandbox in [processor] has nothing to do with it.
    fs::write(&authority, "other").unwrap();
    assert!(problem(plant.start(&store, &first).await).contains("the processor of cards"));
}

#[tokio::test]
async fn nobody_enrols_themselves_or_leaves_the_audit_alone() {
    let plant = Plant::new();
    let store = plant.store();
    plant.start(&store, "").await.unwrap();
    let elsewhere = "[audit]\nship_to = \"https://other.example\"\nship_ca = \"ca.pem\"\n";
    assert!(problem(plant.start(&store, elsewhere).await).contains("\"audit\""));
    assert!(problem(plant.start(&store, "[log]\nlevel = \"debug\"\n").await).contains("log.level"));
    let path = plant.config("");
    let text = fs::read_to_string(&path).unwrap().replace("[control]", "[log]\n").replace("operators", "# operators");
    fs::write(&path, text).unwrap();
    let result = begin(&Config::load(&path).unwrap(), &store).await;
    assert!(problem(result).contains("\"operators\""), "taking the operators out is a change, too");
}

#[tokio::test]
async fn a_line_is_attested_by_two_operators_and_given_up_by_anybody() {
    let (plant, bare) = (Plant::new(), "[[trunk]]\nname = \"leased\"\n");
    let attested = format!("{bare}private_line = \"Jo Field, 1 March: leased line\"\n");
    let store = plant.store();
    plant.start(&store, bare).await.unwrap();
    assert!(problem(plant.start(&store, &attested).await).contains("\"lines\""));
    plant.approve("line", "lines", &attested, (None, true, 2));
    plant.start(&store, &attested).await.unwrap();
    fs::remove_file(plant.directory.path().join("audit/approvals/line.approval")).unwrap();
    plant.start(&store, &attested).await.unwrap();
    plant.start(&store, bare).await.unwrap();
    for other in [attested.replace("1 March", "2 March"), format!("{attested}peers = [\"127.0.0.0/7\"]\n")] {
        assert!(problem(plant.start(&store, &other).await).contains("\"lines\""), "{other}");
    }
    let many: String = (0..40)
        .map(|trunk| {
            format!(
                "[[trunk]]\nname = \"t{trunk}\"\npeers = [\"127.0.1.{trunk}/32\"]\nprivate_line = \"{}\"\n",
                "x".repeat(300)
            )
        })
        .collect();
    assert!(problem(plant.start(&store, &many).await).contains("characters at most"));
}

#[test]
fn a_reload_attests_no_line_where_operators_are_enrolled() {
    let plant = Plant::new();
    let config = |more: &str| Config::load(&plant.config(more)).unwrap();
    let (bare, line) = ("[[trunk]]\nname = \"leased\"\n", "private_line = \"Jo Field: leased line\"\n");
    let attested = config(&format!("{bare}{line}"));
    assert!(reload(&config(bare), &attested).unwrap_err().to_string().contains("trunk[].private_line"));
    reload(&attested, &attested).unwrap();
    reload(&attested, &config(bare)).unwrap();
    let alone = |more: &str| Config::parse(more).unwrap();
    reload(&alone(bare), &alone(&format!("{bare}{line}"))).unwrap();
}

#[tokio::test]
async fn without_operators_nothing_is_held_against_anything() {
    let directory = TempDir::new().unwrap();
    let store =
        Store::open(StoreOptions { least_free: 0, ..StoreOptions::at(directory.path().join("s")) }, Timestamp::now());
    let store = store.unwrap().0;
    let controls = begin(&Config::parse("[log]\nlevel = \"debug\"\n").unwrap(), &store).await.unwrap();
    assert!(!controls.is_enforced && store.control_audit().await.unwrap().is_empty());
}

#[test]
fn what_cannot_be_approved_is_not_proposed() {
    let plant = Plant::new();
    let propose = |control: &str, value: Option<&str>, adopt, minutes| {
        let options = ProposeOptions {
            control: control.to_owned(),
            config: plant.config(""),
            value: value.map(str::to_owned),
            adopt,
            minutes,
            reason: "a trial".to_owned(),
            output: plant.directory.path().join("none"),
        };
        command::proposal(&options, Timestamp::now())
            .map(|approval: Approval| approval.value)
            .map_err(|error| error.to_string())
    };
    assert_eq!(propose("log.level", Some("debug"), false, 60), Ok("debug".to_owned()));
    let cases = [
        (propose("clamp", None, false, 60), "use one of: log.level"),
        (propose("log.level", None, false, 60), "needs --value"),
        (propose("log.level", Some("a=b=c"), false, 60), "is no filter"),
        (propose("log.level", Some("debug"), true, 60), "without --adopt"),
        (propose("operators", None, false, 60), "with --adopt"),
        (propose("processor", Some("x"), false, 60), "leave --value out"),
        (propose("log.level", Some("debug"), false, 1_441), "1 to 1440"),
    ];
    for (result, expected) in cases {
        assert!(result.as_ref().is_err_and(|error| error.contains(expected)), "{result:?}");
    }
}
