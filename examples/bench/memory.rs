//! What a bridged call takes of memory.

use std::sync::Arc;

use anyhow::Result;

use crate::{
    Plan, Voices,
    bot::EchoBot,
    plant::{Agent, Plant},
    table::{Table, number, verdict},
    window::measure,
};

/// The bar, in kilobytes a bridged G.711 call.
const BAR: f64 = 64.0;

/// The resident size at each number of calls, each in a gateway of its own. What is made once, with the first call, is not
/// counted as the others'.
///
/// # Errors
/// Where a gateway does not start or take the calls.
pub(crate) fn memory(plan: &Plan, bot: &EchoBot, voices: &Voices) -> Result<String> {
    let mut table = Table::new([
        "Calls",
        "Callers",
        "Before any call, kB",
        "After the first one, kB",
        "With them, kB",
        "Each of them, kB",
        "Each call since the row above, kB",
        "Bar",
    ]);
    let mut before: Option<(usize, u64)> = None;
    let speech = voices.spoken()?;
    for (calls, speak) in [(plan.calls, false), (3 * plan.calls, false), (3 * plan.calls, true)] {
        bot.board.speak(speak.then(|| Arc::clone(&speech)));
        let mut gateway = Plant::start(plan, Agent::Bot(bot.url()))?;
        let [fresh, _] = measure(&mut gateway, 1, bot, 1)?.resident;
        let [idle, full] = measure(&mut gateway, calls, bot, plan.seconds)?.resident;
        gateway.gateway.stop()?;
        let each = (full as f64 - idle as f64) / calls as f64;
        let fewer = before.filter(|(fewer, _)| *fewer < calls);
        let grown = fewer.map(|(fewer, less)| (full as f64 - less as f64) / (calls - fewer) as f64);
        table.row([
            calls.to_string(),
            if speak { "speak for 40 % of the time" } else { "listen" }.to_owned(),
            fresh.to_string(),
            idle.to_string(),
            full.to_string(),
            number(each),
            grown.map(number).unwrap_or_default(),
            verdict(each.max(grown.unwrap_or(0.0)), BAR),
        ]);
        before = Some((calls, full));
    }
    bot.board.speak(None);
    Ok(format!("Resident size of the gateway's process (VmRSS), bridged G.711 calls with audio both ways.\n\n{table}"))
}
