//! The largest number of calls that still passes the generator's gate, on cores shared with the generator and the bot.

use anyhow::Result;

use crate::{
    Plan,
    bot::EchoBot,
    plant::{Agent, Plant},
    process::Usage,
    table::{Table, number},
    window::Live,
};

/// Calls from one step to the next.
const STEP: usize = 50;
/// Windows of which one has to pass.
const TRIES: usize = 3;

/// Steps up until no window passes.
///
/// # Errors
/// Where the gateway does not start.
pub(crate) fn capacity(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let mut gateway = Plant::start(plan, Agent::Bot(bot.url()))?;
    let head = [
        "Calls",
        "CPU per call-second, ms",
        "Cores: gateway",
        "… generator and bot",
        "Generator late at p99, ms",
        "Lost",
        "Stolen, %",
        "Slots over budget",
        "Passes",
    ];
    let mut table = Table::new(head);
    let (mut most, mut why) = (0, "the last step that was tried; the limit is higher".to_owned());
    for calls in (STEP..=plan.most_calls).step_by(STEP) {
        let mut live = match Live::open(&mut gateway, calls, bot) {
            Ok(live) => live,
            Err(error) => {
                why = format!("{calls} calls do not come up: {error:#}");
                break;
            }
        };
        let mut faults = Vec::new();
        for _ in 0..TRIES {
            let generator = Usage::of_one(std::process::id());
            let round = live.window(plan.seconds)?;
            let generator = Usage::of_one(std::process::id()).seconds_since(&generator) / (plan.seconds as f64 + 0.5);
            faults = round.faults();
            table.row([
                calls.to_string(),
                number(round.cpu),
                number(round.cpu * calls as f64 / 1e3),
                number(generator),
                number(round.lateness.milliseconds[1]),
                round.lost.to_string(),
                number(round.stolen),
                number(round.overruns),
                if faults.is_empty() { "yes".to_owned() } else { "no".to_owned() },
            ]);
            if faults.is_empty() {
                break;
            }
        }
        live.close()?;
        plan.note(&format!("{calls} calls: {}", if faults.is_empty() { "pass".to_owned() } else { faults.join("; ") }));
        if !faults.is_empty() {
            why = format!("at {calls} {}", faults.join("; "));
            break;
        }
        most = calls;
    }
    gateway.gateway.stop()?;
    Ok(format!("Largest number of bridged calls that passes: **{most}**. It ends there because {why}.\n\n{table}"))
}
