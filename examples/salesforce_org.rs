//! Starts a Salesforce org on loopback and says how to use it; Ctrl-C ends it: `make salesforce-org`.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result};
use book::{
    import::BUILT_IN_STRATEGIES,
    salesforce::{Object, Profile, object::account},
};
use clap::Parser;
use jiff::{Timestamp, tz::TimeZone};
use org::{CONSUMER_KEY, CONSUMER_SECRET, FilledOrg, Org, OrgOptions, Schema, USERNAME, schema};

/// The accounts that the embedded book is seeded with too.
const ACCOUNTS: &[u8] = include_bytes!("../config/sample-accounts.csv");

/// A Salesforce org to test against.
#[derive(Parser)]
struct Arguments {
    /// Whose objects it has: collectxpert or collections-and-recovery.
    #[arg(long, default_value = "collectxpert", value_parser = profile)]
    profile: Profile,
    /// The accounts that it begins with, as CSV, instead of config/sample-accounts.csv.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// The strategies of these accounts, as CSV, instead of config/sample-strategies.csv.
    #[arg(long, value_name = "FILE")]
    strategies: Option<PathBuf>,
    /// It begins without a row.
    #[arg(long, conflicts_with_all = ["accounts", "strategies"])]
    empty: bool,
    /// Its objects, instead of a profile's; it begins without a row.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "accounts", "strategies"])]
    schema: Option<PathBuf>,
    /// Where its certificate and the key for signing in go.
    #[arg(long, default_value = "target/salesforce-org")]
    directory: PathBuf,
    /// The port of the login host; the instance, the admin interface and Pub/Sub have the three after it: not
    /// those of a gateway and its sandbox processor. 0 takes free ones.
    #[arg(long, default_value_t = 9543)]
    port: u16,
    /// Requests in 24 hours.
    #[arg(long, default_value_t = 100_000)]
    daily_requests: u64,
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = Profile::ALL.map(Profile::name);
    Profile::ALL
        .into_iter()
        .find(|profile| profile.name() == name)
        .ok_or_else(|| format!("it is {}", known.join(" or ")))
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let schema = match &arguments.schema {
        None => schema::sample(arguments.profile).to_owned(),
        Some(file) => String::from_utf8(read(file)?).with_context(|| format!("{} is no text", file.display()))?,
    };
    let after = |step: u16| if arguments.port == 0 { Some(0) } else { arguments.port.checked_add(step) };
    let ports =
        [after(0), after(1), after(2), after(3)].map(|port| port.context("--port leaves no room for three more ports"));
    let [login, instance, admin, pubsub] = ports;
    let options = OrgOptions {
        ports: [login?, instance?, admin?, pubsub?],
        daily_requests: arguments.daily_requests,
        ..OrgOptions::new(Schema::parse(&schema)?)
    };
    fs::create_dir_all(&arguments.directory).with_context(|| arguments.directory.display().to_string())?;
    let directory = arguments.directory.canonicalize()?;
    let ports = options.ports;
    let org = Org::start(&directory, options).await;
    let org =
        org.with_context(|| format!("the org does not start on 127.0.0.1, ports {ports:?}; --port takes others"))?;
    if arguments.empty || arguments.schema.is_some() {
        let rows = "It has no rows: POST /rows/OBJECT of the admin interface makes some.\n";
        return serve(&org, rows, "SELECT Id, Name FROM Contact").await;
    }
    let filled = fill(org, &arguments)?;
    let (rows, question) = accounts(&filled)?;
    serve(&filled.org, &rows, &question).await
}

async fn serve(org: &Org, rows: &str, question: &str) -> Result<()> {
    write!(io::stdout(), "{}", how_to(org, rows, question))?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn read(file: &PathBuf) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn fill(org: Org, arguments: &Arguments) -> Result<FilledOrg> {
    let strategies = arguments.strategies.as_ref().map_or_else(|| Ok(BUILT_IN_STRATEGIES.to_vec()), read)?;
    let accounts = arguments.accounts.as_ref().map_or_else(|| Ok(ACCOUNTS.to_vec()), read)?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    Ok(FilledOrg::of(org, arguments.profile, &strategies, &accounts, today)?)
}

/// What the org begins with, and the question for one of its accounts.
fn accounts(filled: &FilledOrg) -> Result<(String, String)> {
    let rows = filled.rows(Object::CollectionAccount);
    let first = rows.first().context("there is no account in the file")?;
    let name = |field| filled.mapping.field(field).map_or("", |mapped| mapped.path.as_str());
    let value = |field| first[name(field)].as_str().unwrap_or_default();
    let object = filled.mapping.api(Object::CollectionAccount);
    let told = format!(
        "It has {} accounts. One to look up: number {}, reference {} ({object} {}).\n\
         \n\
         A gateway that uses it, in its configuration:\n\
         \n\
         [book]\n\
         {}\n\
         [book.events]\n\
         enabled = true\n\
         endpoint = \"{}\"\n",
        rows.len(),
        value(account::PHONE),
        value(account::REFERENCE),
        value(account::EXTERNAL_ID),
        filled.settings().trim_end(),
        filled.org.pubsub_url(),
    );
    let fields = [account::EXTERNAL_ID, account::REFERENCE, account::BALANCE].map(name).join(", ");
    let question =
        format!("SELECT {fields} FROM {object} WHERE {} = '{}'", name(account::PHONE), value(account::PHONE));
    Ok((told, question))
}

fn how_to(org: &Org, rows: &str, question: &str) -> String {
    let (login, instance, admin) = (org.login_url(), org.instance_url(), org.admin_url());
    let (authority, key) = (org.authority(), org.key_file());
    format!(
        "A Salesforce org is running. Ctrl-C ends it, and its rows with it.\n\
         \n\
         login host      {login}   (tokens; the aud of assertions)\n\
         instance        {instance}   (everything else)\n\
         admin           {admin}    (GET / tells what can go wrong)\n\
         events          {}   (Pub/Sub API, gRPC; an event by POST {admin}/events/NAME)\n\
         authority       {}\n\
         consumer key    {CONSUMER_KEY}\n\
         consumer secret {CONSUMER_SECRET}\n\
         username        {USERNAME}\n\
         signing key     {}\n\
         \n\
         {rows}\
         \n\
         A token and a question:\n\
         \n\
         TOKEN=$(curl -s --cacert {} {login}/services/oauth2/token -d grant_type=client_credentials \\\n    \
             -d client_id={CONSUMER_KEY} -d client_secret={CONSUMER_SECRET} | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')\n\
         curl -s --cacert {} -H \"Authorization: Bearer $TOKEN\" -G {instance}/services/data/v68.0/query --data-urlencode \"q={question}\"\n\
         \n\
         The next query fails:\n\
         \n\
         curl -s {admin}/faults -H 'content-type: application/json' \\\n    \
             -d '{{\"path\": \"query\", \"times\": 1, \"fault\": {{\"kind\": \"refused\", \"status\": 503, \"code\": \"SERVER_UNAVAILABLE\"}}}}'\n",
        org.pubsub_url(),
        authority.display(),
        key.display(),
        authority.display(),
        authority.display(),
    )
}
