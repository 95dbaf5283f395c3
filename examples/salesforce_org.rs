//! Starts a Salesforce org on loopback and says how to use it; Ctrl-C ends it: `make salesforce-org`.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result};
use clap::Parser;
use org::{CONSUMER_KEY, CONSUMER_SECRET, Org, OrgOptions, Schema, USERNAME, schema::COLLECTXPERT};

/// A Salesforce org to test against.
#[derive(Parser)]
struct Arguments {
    /// Its objects, instead of CollectXpert's.
    #[arg(long, value_name = "FILE")]
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

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let schema = match &arguments.schema {
        None => COLLECTXPERT.to_owned(),
        Some(file) => fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
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
    let org = Org::start(&arguments.directory, options).await.context("the org does not start")?;
    write!(io::stdout(), "{}", how_to(&org))?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn how_to(org: &Org) -> String {
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
         A token and a question:\n\
         \n\
         TOKEN=$(curl -s --cacert {} {login}/services/oauth2/token -d grant_type=client_credentials \\\n    \
             -d client_id={CONSUMER_KEY} -d client_secret={CONSUMER_SECRET} | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')\n\
         curl -s --cacert {} -H \"Authorization: Bearer $TOKEN\" -G {instance}/services/data/v68.0/query --data-urlencode 'q=SELECT Id, Name FROM Contact'\n\
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
