//! Look-ups of many calls in an org that is late by chance and has a slow minute: how many are answered with data, how soon, and with
//! how many requests.

mod snapshot;
mod tally;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use backends::{
    book::{AccountBook, GuardOptions, GuardedBook},
    salesforce::{Connections, OrgOptions, SalesforceBook, SignIn, lookups::DEADLINE},
};
use book::{AccountId, LookupKey, Phone, Reference, salesforce::Profile};
use jiff::{Timestamp, tz::TimeZone};
use org::{CONSUMER_KEY, FilledOrg, Latency, USERNAME};
use tokio::{runtime::Runtime, task::JoinSet};

use self::tally::Tally;
use crate::{
    Plan,
    samples::Percentiles,
    table::{Table, number, percentiles, verdict},
};

/// Calls that look something up in turns.
const CALLS: usize = 500;
/// Between two look-ups, of whichever calls: 50 a second.
const EVERY: Duration = Duration::from_millis(20);
/// How much longer everything takes in the slow minute.
const SLOWNESS: f64 = 6.0;
/// Seconds before, in and after the slow minute.
const SECONDS: [u64; 3] = [300, 60, 60];
const QUICK_SECONDS: [u64; 3] = [20, 10, 5];
/// What a fact that was read before may take, in milliseconds.
const MOST_READING: f64 = 1.0;
/// What a caller waits before something must be said, in milliseconds.
const MOST_WAIT: f64 = 2_000.0;

/// How late the org is: an assumption, not a figure of Salesforce's.
const USUAL: Latency = Latency {
    p50_milliseconds: 180.0,
    p99_milliseconds: 900.0,
    stall_chance: 0.01,
    stall_milliseconds: 3_000.0,
    seed: 1,
};

/// Looks up through the gateway's own book, over HTTPS.
///
/// # Errors
/// Where the org does not start, or a look-up fails before any latency.
pub(crate) fn lookups(plan: &Plan) -> Result<String> {
    let directory = plan.directory.with_extension("org");
    fs::create_dir_all(&directory)?;
    let serving = Runtime::new()?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let filled = serving.block_on(FilledOrg::start(&directory, Profile::CollectXpert, accounts().as_bytes(), today))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let caller = Caller { book: runtime.block_on(book(&filled))?, filled };
    let watched = runtime.block_on(caller.watch(if plan.is_quick { QUICK_SECONDS } else { SECONDS }))?;
    Ok(told(&watched, &snapshot::readings(plan, &runtime)?))
}

/// The gateway's book, ready as it is once the gateway serves.
async fn book(filled: &FilledOrg) -> Result<Arc<GuardedBook>> {
    let org = &filled.org;
    let options = OrgOptions {
        url: org.login_url().to_owned(),
        client_id: CONSUMER_KEY.to_owned(),
        sign_in: SignIn::Assertion { username: USERNAME.to_owned(), key: org.key_file().to_owned() },
        authority: Some(org.authority()),
        session: Duration::from_secs(3_600),
    };
    let connections = Arc::new(Connections::new(options)?);
    let book = SalesforceBook::new(connections, filled.mapping.clone(), "v68.0".parse()?);
    book.prepare().await;
    Ok(Arc::new(GuardedBook::new(Arc::new(book), GuardOptions { look_up: DEADLINE, ..GuardOptions::default() })))
}

struct Caller {
    book: Arc<GuardedBook>,
    filled: FilledOrg,
}

/// What was seen before, in and after the slow minute.
struct Watched {
    before: Tally,
    slow: Tally,
    after: Tally,
}

impl Watched {
    fn outside(&self) -> Tally {
        let mut outside = self.before.clone();
        outside.add(self.after.clone());
        outside
    }
}

impl Caller {
    async fn watch(&self, seconds: [u64; 3]) -> Result<Watched> {
        // Signs in and connects.
        self.book.look_up(key(0)?).await.context("the org does not answer")?;
        let [before, within, after] = seconds;
        let slow = Latency {
            p50_milliseconds: USUAL.p50_milliseconds * SLOWNESS,
            p99_milliseconds: USUAL.p99_milliseconds * SLOWNESS,
            seed: 2,
            ..USUAL
        };
        Ok(Watched {
            before: self.span(USUAL, before).await?,
            slow: self.span(slow, within).await?,
            after: self.span(Latency { seed: 3, ..USUAL }, after).await?,
        })
    }

    /// Look-ups for so many seconds, until the last has ended.
    async fn span(&self, latency: Latency, seconds: u64) -> Result<Tally> {
        self.filled.org.set_latency(Some(latency));
        let (asked, begun) = (self.asked(), Instant::now());
        let (mut running, mut tally) = (JoinSet::new(), Tally::default());
        for number in 0..seconds * 1_000 / EVERY.as_millis() as u64 {
            // From when it was due: a generator that is late hides nothing.
            let due = begun + EVERY * number as u32;
            tokio::time::sleep_until(due.into()).await;
            let (book, key) = (Arc::clone(&self.book), key(number as usize)?);
            running.spawn(async move { (book.look_up(key).await, due.elapsed()) });
        }
        while let Some(ended) = running.join_next().await {
            let (answer, took) = ended?;
            tally.note(&answer, took);
        }
        ensure!(tally.count() > 0, "nothing was looked up");
        tally.requests = self.asked() - asked;
        Ok(tally)
    }

    /// Queries that came to the org, those for all strategies, once in five minutes, included.
    fn asked(&self) -> u64 {
        self.filled.org.counts().by_kind.get("query").copied().unwrap_or(0)
    }
}

/// By number, by reference and by account in turns.
fn key(number: usize) -> Result<LookupKey> {
    let call = number % CALLS;
    Ok(match number % 3 {
        0 => LookupKey::Number(Phone::parse(&phone(call))?),
        1 => LookupKey::Reference(Reference::parse(&reference(call))?),
        _ => LookupKey::Account(AccountId::parse(&format!("CA-{call}"))?),
    })
}

/// An account for each call.
fn accounts() -> String {
    let head = "external_id,reference,given_name,family_name,phone,date_of_birth,postal_code,balance,currency,creditor,flags,language,\
                time_zone,strategy\n";
    let row = |call| {
        let (reference, phone) = (reference(call), phone(call));
        format!(
            "CA-{call},{reference},Dana,Whitfield,{phone},1984-03-12,78701,1240.00,USD,Northwind Bank,,en,America/Chicago,standard\n"
        )
    };
    (0..CALLS).map(row).fold(head.to_owned(), |text, row| text + &row)
}

fn reference(call: usize) -> String {
    format!("4{call:07}")
}

/// A number that is nobody's: the last hundred of 555 in each area.
fn phone(call: usize) -> String {
    const AREAS: [&str; CALLS / 100] = ["202", "212", "312", "512", "713"];
    format!("+1{}55501{:02}", AREAS[call / 100], call % 100)
}

fn told(watched: &Watched, snapshot: &Percentiles) -> String {
    let table = table(watched);
    format!(
        "{CALLS} calls, 50 look-ups a second between them, by number, reference and account in turns, through the gateway's own book with its\n\
         breaker, over HTTPS to the org of the tests in this program. The org is late by an assumed model, since Salesforce publishes none:\n\
         lognormal, {} ms at p50 and {} ms at p99; one request in a hundred stalls for {} s more; in the slow minute everything takes\n\
         {SLOWNESS} times as long. A look-up has {} ms, counted from when it was due.\n\n{table}\n\
         Facts of a call that is up are the call's own. From a bot's request for them until it had them, over HTTP on loopback and with an audit\n\
         entry each, {} times: {} ms at p50 / p99 / p99.9 (p99 {}).\n",
        USUAL.p50_milliseconds,
        USUAL.p99_milliseconds,
        USUAL.stall_milliseconds / 1e3,
        DEADLINE.as_millis(),
        snapshot.count,
        percentiles(snapshot),
        verdict(snapshot.milliseconds[1], MOST_READING),
    )
}

fn table(watched: &Watched) -> Table {
    let (outside, Watched { slow, after, .. }) = (watched.outside(), watched);
    let mut table =
        Table::new(["Of the look-ups", "Outside the slow minute", "Of these after it", "In it", "Bar, outside"]);
    let mut row = |what: &str, figure: &dyn Fn(&Tally) -> String, bar: String| {
        table.row([what.to_owned(), figure(&outside), figure(after), figure(slow), bar]);
    };
    row("how many", &|tally| tally.count().to_string(), String::new());
    let answered = outside.percent(outside.answered());
    let bar = format!("≥ 99.9: {}", if answered >= 99.9 { "reached" } else { "missed" });
    row("answered with data, %", &|tally| number3(tally.percent(tally.answered())), bar);
    let p999 = verdict(outside.percentiles().milliseconds[2], MOST_WAIT);
    row("p50 / p99 / p99.9 of these, ms", &|tally| percentiles(&tally.percentiles()), format!("p99.9 {p999}"));
    row("not answered in time", &|tally| tally.late.to_string(), String::new());
    row("not asked, because the breaker was open", &|tally| tally.left_alone.to_string(), String::new());
    row("failed in another way", &|tally| tally.failed.to_string(), String::new());
    let longest = verdict(outside.longest_milliseconds().max(slow.longest_milliseconds()), MOST_WAIT);
    row(
        "longest until something can be said, ms",
        &|tally| number(tally.longest_milliseconds()),
        format!("in both {longest}"),
    );
    row("requests a look-up, counted at the org", &|tally| number3(tally.requests_each()), String::new());
    row(
        "of them beyond one: hedges, and all strategies read again, in % of the look-ups",
        &|tally| number(tally.hedges_percent()),
        verdict(outside.hedges_percent(), 5.0),
    );
    table
}

/// With three digits: a share is judged by its last one.
fn number3(value: f64) -> String {
    format!("{value:.3}")
}
