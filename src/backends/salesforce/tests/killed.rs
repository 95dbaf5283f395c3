//! A gateway that is killed at any step of a delivery has lost nothing, doubled nothing and kept the order, once it has run again.

use std::process::Stdio;

use ::book::{
    AccountId, ComplianceRecord, ContactAttempt, ExternalId, Record, outbox::RetryPolicy, salesforce::object::account,
};
use jiff::{SignedDuration, Timestamp};
use rules::contact::Flag;
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::delivery::{compliance, ended, update};
use super::*;
use crate::{
    outbox::{Outbox, Step},
    store::{Store, StoreOptions, Write},
    tests::until,
};

/// What the child is told: the store's file, the org's address, its authority's certificate, and the key to sign in with.
const TOLD: [&str; 4] = ["TONEGATE_TEST_STORE", "TONEGATE_TEST_ORG", "TONEGATE_TEST_AUTHORITY", "TONEGATE_TEST_KEY"];
/// The profile of the org.
const PROFILE: &str = "TONEGATE_TEST_PROFILE";
/// The step and the entry at which it is to die: `2 5`.
const DIES_AT: &str = "TONEGATE_TEST_DIES_AT";

/// Does nothing in a normal run. In the child it delivers what is in the store, and may be told to die over that.
#[tokio::test]
async fn child_delivers_until_killed() {
    let told = TOLD.map(std::env::var);
    let [Ok(store), Ok(url), Ok(authority), Ok(key)] = told else { return };
    rustls::crypto::ring::default_provider().install_default().ok();
    let options = OrgOptions {
        url,
        client_id: CONSUMER_KEY.to_owned(),
        sign_in: SignIn::Assertion { username: USERNAME.to_owned(), key: key.into() },
        authority: Some(authority.into()),
        session: Duration::from_secs(3_600),
    };
    let profile = std::env::var(PROFILE).unwrap();
    let profile = Profile::ALL.into_iter().find(|one| one.name() == profile).unwrap();
    let book =
        SalesforceBook::new(Arc::new(Connections::new(options).unwrap()), profile.mapping(None).unwrap(), version());
    let book = book.polling(Duration::from_millis(1));
    let dies_at = std::env::var(DIES_AT).ok().and_then(|text| {
        let (step, entry) = text.split_once(' ')?;
        Some((Step::ALL[step.parse::<usize>().ok()?], entry.parse::<i64>().ok()?))
    });
    let observer = Arc::new(move |step: Step, entry: i64| {
        if Some((step, entry)) == dies_at {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        }
    });
    let store = open(store.as_ref());
    let outbox = Outbox::observed(store.clone(), Arc::new(book), RetryPolicy::default(), observer);
    let mut now = Timestamp::now();
    while store.outbox_depth().await.unwrap().waiting > 0 {
        now += SignedDuration::from_mins(2);
        outbox.round(now).await.unwrap();
    }
}

fn open(path: &std::path::Path) -> Store {
    let options = StoreOptions { commit_deadline: Duration::from_secs(30), least_free: 0, ..StoreOptions::at(path) };
    Store::open(options, Timestamp::UNIX_EPOCH).unwrap().0
}

/// An org with two accounts, and a store with two calls of the first, one of the second, and flags of another call.
struct Case {
    rig: Rig,
    profile: Profile,
    mapping: Mapping,
    directory: TempDir,
}

/// Flags, then attempt and compliance record of each call.
const ENTRIES: std::ops::RangeInclusive<i64> = 1..=7;

impl Case {
    async fn begin(profile: Profile) -> Self {
        let records = [update(9, Flag::Cease).into()].into_iter().chain(call(1, "CA-0")).chain(call(2, "CA-0"));
        Self::with(profile, records.chain(call(3, "CA-1"))).await
    }

    async fn with(profile: Profile, records: impl Iterator<Item = Record>) -> Self {
        let sample = Sample::of(profile).await;
        sample.add(0);
        sample.add(1);
        let case = Self { rig: sample.rig, profile, mapping: sample.mapping, directory: TempDir::new().unwrap() };
        let store = open(&case.store());
        store.write(records.map(Write::from).collect::<Vec<_>>()).await.unwrap();
        case
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("tonegate.sqlite")
    }

    /// A gateway, which dies at a step of an entry.
    fn run(&self, dies_at: Option<(Step, i64)>) -> Child {
        let authority = self.rig.org.authority();
        let told = [self.store(), self.rig.org.login_url().into(), authority, self.rig.org.key_file().to_owned()];
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "salesforce::tests::killed::child_delivers_until_killed"])
            .envs(TOLD.into_iter().zip(told))
            .env(PROFILE, self.profile.name())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        if let Some((step, entry)) = dies_at {
            let step = Step::ALL.iter().position(|one| *one == step).unwrap();
            command.env(DIES_AT, format!("{step} {entry}"));
        }
        command.spawn().unwrap()
    }

    fn rows(&self, object: Object) -> Vec<Value> {
        self.rig.org.rows(self.mapping.api(object).as_str())
    }

    /// How far each bulk job of the org is.
    async fn jobs(&self) -> Vec<String> {
        let answer = self.rig.connections.read("/services/data/v68.0/jobs/ingest", soon()).await.unwrap();
        let jobs = answer.body["records"].as_array().unwrap().iter();
        jobs.map(|job| job["state"].as_str().unwrap().to_owned()).collect()
    }

    fn has_flag(&self) -> bool {
        let cease = self.mapping.field(account::CEASE).unwrap().path.as_str();
        self.rows(Object::CollectionAccount)[0][cease] == true
    }

    /// Runs a gateway to its end, and looks at what is in the org.
    async fn ends_well(&self, what: &str) {
        let ended = ended_in_time(self.run(None)).await;
        assert!(ended.success(), "{what}: {ended}");
        let (attempts, compliances) = (self.rows(Object::ContactAttempt), self.rows(Object::ComplianceRecord));
        let key = |row: &Value, object: Object| {
            row[self.mapping.field(object.external_id()).unwrap().path.as_str()].as_str().unwrap().to_owned()
        };
        let attempt = |number| ExternalId::attempt(Uuid::from_u128(number));
        let place =
            |number| attempts.iter().position(|row| key(row, Object::ContactAttempt) == attempt(number).as_str());
        assert_eq!((attempts.len(), compliances.len()), (3, 3), "{what}");
        assert!(place(1) < place(2) && place(1).is_some() && place(3).is_some(), "{what}: order of the account");
        for row in attempts.iter().chain(&compliances) {
            assert_eq!(row["CreatedDate"], row["LastModifiedDate"], "{what}: {} was written once", row["Id"]);
        }
        assert!(self.has_flag(), "{what}");
        assert_eq!(self.rig.asked("upsert"), 1, "{what}: flags are set once");
        let account = &self.rows(Object::CollectionAccount)[0];
        let last = self.mapping.field(account::LAST_CONTACT_AT).unwrap().path.as_str();
        assert!(account[last].as_str().unwrap().contains("T12:03:20"), "{what}: {account}");
    }
}

async fn ended_in_time(mut child: Child) -> std::process::ExitStatus {
    tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("an end in time").unwrap()
}

/// What a call leaves.
fn call(number: u128, account: &str) -> [Record; 2] {
    let account = Some(AccountId::parse(account).unwrap());
    [
        ContactAttempt { account: account.clone(), ..ended(number, number as i64 * 100) }.into(),
        ComplianceRecord { account, ..compliance(number) }.into(),
    ]
}

#[tokio::test]
async fn a_process_killed_at_any_step_loses_nothing_doubles_nothing_and_keeps_the_order() {
    for profile in Profile::ALL {
        for step in Step::ALL {
            // Flags, and of each call its first entry or its last.
            for entry in [1, 2, 5, 6] {
                assert!(ENTRIES.contains(&entry));
                let case = Case::begin(profile).await;
                let what = format!("{}: killed at {step:?} of {entry}", profile.name());
                let ended = ended_in_time(case.run(Some((step, entry)))).await;
                assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9), "{what}: {ended}");
                case.ends_well(&what).await;
            }
        }
    }
}

#[tokio::test]
async fn a_process_killed_while_the_org_has_written_and_not_answered_loses_and_doubles_nothing() {
    for profile in Profile::ALL {
        for path in ["composite/graph", "sobjects"] {
            let case = Case::begin(profile).await;
            case.rig.order(path, Some(1), Trouble::HangsAfter);
            let mut child = case.run(None);
            // All that the first round sends is written, and one answer of it is never given.
            until("rows", async || case.has_flag() && case.rows(Object::ContactAttempt).len() >= 2).await;
            child.kill().await.unwrap();
            case.ends_well(path).await;
        }
    }
}

#[tokio::test]
async fn a_process_killed_again_and_again_comes_to_an_end() {
    for profile in Profile::ALL {
        let case = Case::begin(profile).await;
        // The second call of the account is not begun before the first is settled.
        let (flags, first, second) = (1, 2, [4, 5]);
        let before = [(Step::Marked, flags), (Step::Marked, first), (Step::Answered, flags)];
        let after = second.into_iter().flat_map(|entry| [(Step::Marked, entry), (Step::Answered, entry)]);
        for (step, entry) in before.into_iter().chain(after) {
            let ended = ended_in_time(case.run(Some((step, entry)))).await;
            assert!(!ended.success(), "{step:?} of {entry} was reached");
        }
        case.ends_well("killed again and again").await;
    }
}

#[tokio::test]
async fn a_process_killed_in_a_bulk_job_ends_it_and_writes_every_row_once() {
    for profile in Profile::ALL {
        // While its rows are uploaded, and while it is worked at.
        for (method, state) in [("PUT", "Open"), ("PATCH", "UploadComplete")] {
            let case = Case::with(profile, (1..=1_100).flat_map(|number| call(number, "CA-0"))).await;
            let path = "jobs/ingest/".to_owned();
            let order =
                FaultOrder { path, method: Some(method.to_owned()), times: Some(1), fault: Trouble::HangsAfter };
            case.rig.org.order(order);
            let mut child = case.run(None);
            until("a job", async || match method {
                "PUT" => case.rig.asked("bulk") >= 2,
                _ => case.jobs().await == [state],
            })
            .await;
            child.kill().await.unwrap();
            assert_eq!(case.jobs().await, [state], "it was left behind");
            let left = open(&case.store()).bulk_jobs().left().await.unwrap();
            assert_eq!(left.len(), 1, "and is known");

            let ended = ended_in_time(case.run(None)).await;
            assert!(ended.success(), "{method}: {ended}");
            assert_eq!(case.jobs().await, ["JobComplete", "JobComplete"], "{method}: the one that was left is gone");
            let counts = [Object::ContactAttempt, Object::ComplianceRecord].map(|object| case.rows(object).len());
            assert_eq!(counts, [1_100, 1_100], "{method}");
            let left = open(&case.store()).bulk_jobs().left().await.unwrap();
            assert!(left.is_empty(), "{method}: {left:?}");
        }
    }
}
