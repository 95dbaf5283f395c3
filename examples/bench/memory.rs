//! What a bridged call takes of memory.

use anyhow::Result;

use crate::{
    Plan,
    bot::EchoBot,
    plant::{Agent, Plant},
    table::{Table, number, verdict},
    window::measure,
};

/// The bar, in kilobytes a bridged G.711 call.
const BAR: f64 = 64.0;

/// The resident size at each number of calls, each in a gateway of its own.
///
/// # Errors
/// Where a gateway does not start or take the calls.
pub(crate) fn memory(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let mut table = Table::new([
        "Calls",
        "Without calls, kB",
        "With them, kB",
        "Each call since idle, kB",
        "Each call since the row above, kB",
        "Bar",
    ]);
    let mut before: Option<(usize, u64)> = None;
    for calls in [plan.calls, 3 * plan.calls] {
        let mut gateway = Plant::start(plan, Agent::Bot(bot.url()))?;
        let round = measure(&mut gateway, calls, bot, plan.seconds)?;
        gateway.gateway.stop()?;
        let [idle, full] = round.resident;
        let since_idle = (full as f64 - idle as f64) / calls as f64;
        let grown = before.map(|(fewer, less)| (full as f64 - less as f64) / (calls - fewer) as f64);
        table.row([
            calls.to_string(),
            idle.to_string(),
            full.to_string(),
            number(since_idle),
            grown.map(number).unwrap_or_default(),
            verdict(since_idle.max(grown.unwrap_or(0.0)), BAR),
        ]);
        before = Some((calls, full));
    }
    Ok(format!("Resident size of the gateway's process (VmRSS), bridged G.711 calls with audio both ways.\n\n{table}"))
}
