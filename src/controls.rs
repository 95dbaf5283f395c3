//! Dual control of a running gateway: what is configured is held against what was accepted, and approvals are taken from their
//! directory; and `tonegate control`.

mod command;
mod measure;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use backends::{
    audit::{MOST_SETTING, Verifier},
    control::{Control, Event, History, Terms, adopted},
    store::{Store, Write},
};
use jiff::Timestamp;
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use crate::{admin::Readiness, config::Config, telemetry::Levels};

pub(crate) use command::{check, generate, propose, sign};

/// How often approvals are looked for: so late a weakening ends at most.
const EVERY: Duration = Duration::from_secs(2);
/// How long reading them may take.
const READ: Duration = Duration::from_secs(5);
/// How approvals' names end.
const EXTENSION: &str = "approval";
/// Most files looked at.
const MOST_FILES: usize = 64;
/// Most bytes of one that are read: more than any approval has.
const MOST_BYTES: u64 = 17 << 10;

/// What is weakened, and what is looked for.
pub(crate) struct Controls {
    core: backends::control::Controls,
    directory: PathBuf,
    /// The processor as configured, where it is not the accepted one.
    processor: Option<String>,
    is_enforced: bool,
}

/// Holds a configuration against what was accepted, and writes down what follows.
///
/// # Errors
/// Every deviation that no approval covers.
pub(crate) async fn begin(config: &Config, store: &Store) -> Result<Controls> {
    let history = History::read(&store.control_audit().await.context("the audit chain")?);
    let enrolled = match history.accepted(Control::Operators) {
        Some(accepted) => measure::operators(accepted),
        None => config.operators().context("control.operators")?,
    };
    let (is_enforced, directory, node) = (!enrolled.is_empty(), config.approvals(), config.audit.node.clone());
    let presented = if is_enforced { presented(&directory) } else { Vec::new() };
    let core = backends::control::Controls::new(Terms { node: node.clone(), operators: enrolled }, &history);
    let mut controls = Controls { core, directory, processor: None, is_enforced };
    if !is_enforced {
        return Ok(controls);
    }
    let mut problems = controls.compare(config, &history, &presented, store).await?;
    let operators = measure::of(config, Control::Operators);
    if problems.is_empty() && history.accepted(Control::Operators).is_some_and(|accepted| accepted != operators) {
        // Adopted just now: from here on the new ones sign.
        let terms = Terms { node, operators: config.operators().context("control.operators")? };
        controls.core = backends::control::Controls::new(terms, &history);
    }
    let now = Timestamp::now();
    let events = controls.core.look(now, &presented, controls.processor.as_deref());
    tell(&events);
    write_down(store, &events, now).await?;
    if config.log.level.is_verbose() {
        problems
            .push("log.level: below info only while two operators approve it, which needs no change here".to_owned());
    }
    if let (Some(_), None) = (&controls.processor, controls.core.active(Control::Processor)) {
        problems.push("the processor of cards, or the vault, is not the one that was accepted".to_owned());
    }
    if !problems.is_empty() {
        bail!(
            "{}; two operators must approve it: `tonegate control propose`, deploy/audit/README.md",
            problems.join("; ")
        );
    }
    Ok(controls)
}

/// Whether a running gateway may take another configuration's attestations of lines: where operators are enrolled, more of them
/// take a start.
///
/// # Errors
/// It may not.
pub(crate) fn reload(current: &Config, next: &Config) -> Result<()> {
    let lines = measure::of(next, Control::Lines);
    let is_weaker = lines != measure::of(current, Control::Lines) && !measure::is_strictest(Control::Lines, &lines);
    if is_weaker && !current.control.operators.is_empty() {
        bail!("trunk[].private_line: two operators must approve it, and a start takes it: deploy/audit/README.md");
    }
    Ok(())
}

impl Controls {
    /// Compares each measure with the accepted one. What is configured first is accepted as it is.
    async fn compare(
        &mut self,
        config: &Config,
        history: &History,
        presented: &[String],
        store: &Store,
    ) -> Result<Vec<String>> {
        let (now, mut problems) = (Timestamp::now(), Vec::new());
        for control in [Control::Processor, Control::Audit, Control::Operators, Control::Lines] {
            let value = measure::of(config, control);
            let accepted = history.accepted(control);
            if accepted == Some(&value) || (accepted.is_some() && measure::is_strictest(control, &value)) {
                continue;
            }
            if value.chars().count() > MOST_SETTING {
                problems
                    .push(format!("control {:?} is held against {MOST_SETTING} characters at most", control.name()));
                continue;
            }
            let approved = self.core.adoption(now, presented, control, &value);
            if accepted.is_none() || approved.is_some() {
                tracing::warn!(control = control.name(), approved = approved.is_some(), "a measure is accepted");
                let entry = adopted(control, &value, approved.as_ref(), now);
                store.write(Write::Audit(entry)).await.context("the audit chain")?;
            } else if control == Control::Processor {
                self.processor = Some(value);
            } else {
                problems.push(format!("what control {:?} is held against has changed", control.name()));
            }
        }
        Ok(problems)
    }

    /// Looks for approvals until `stop`, and does what they say.
    pub(crate) async fn watch(
        mut self,
        store: Store,
        levels: Levels,
        readiness: Arc<Readiness>,
        stop: CancellationToken,
    ) {
        self.show();
        if !self.is_enforced {
            return;
        }
        let mut beat = tokio::time::interval(EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.set_level(&levels);
        let mut known = Vec::new();
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            let directory = self.directory.clone();
            let reading = tokio::task::spawn_blocking(move || presented(&directory));
            // A directory that hangs keeps nothing in force beyond its time.
            let presented = match tokio::time::timeout(READ, reading).await {
                Ok(Ok(presented)) => presented,
                Ok(Err(_)) | Err(_) => std::mem::take(&mut known),
            };
            let now = Timestamp::now();
            let events = self.core.look(now, &presented, self.processor.as_deref());
            known = presented;
            if events.is_empty() {
                continue;
            }
            // What begins is written first; what ends does not wait for the store.
            let begins = events.iter().any(|event| matches!(event, Event::Begun(_)));
            if !begins {
                self.follow(&events, &levels, &readiness);
            }
            match stop.run_until_cancelled(write_down(&store, &events, now)).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::error!(%error, "what became of a control is not in the audit chain"),
            }
            if begins {
                self.follow(&events, &levels, &readiness);
            }
        }
    }

    fn follow(&self, events: &[Event], levels: &Levels, readiness: &Readiness) {
        tell(events);
        if events.iter().any(|event| matches!(event, Event::Ended { control: Control::Processor, .. })) {
            readiness.withhold_cards();
        }
        self.set_level(levels);
        self.show();
    }

    fn set_level(&self, levels: &Levels) {
        let level = self.core.active(Control::LogLevel).map(|accepted| accepted.approval.value.as_str());
        if let Err(error) = levels.set(level) {
            tracing::error!(%error, "the log level stays as it is");
        }
    }

    fn show(&self) {
        for control in Control::ALL {
            let is_weak = self.core.active(control).is_some();
            gauge!("tonegate_control_weakened", "control" => control.name()).set(if is_weak { 1.0 } else { 0.0 });
        }
    }
}

fn tell(events: &[Event]) {
    for event in events {
        match event {
            Event::Begun(accepted) | Event::Resumed(accepted) => {
                let (control, until) = (accepted.approval.control.name(), accepted.approval.until);
                tracing::warn!(control, %until, "a control is weakened by two operators");
            }
            Event::Ended { control, cause, .. } => {
                tracing::warn!(control = control.name(), cause, "a control is in force again");
            }
            Event::Refused { refusal, .. } => {
                counter!("tonegate_control_failures_total", "control" => "approval_refused").increment(1);
                tracing::error!(reason = refusal.name(), "an approval is refused: {refusal}");
            }
        }
    }
}

async fn write_down(store: &Store, events: &[Event], now: Timestamp) -> Result<()> {
    let writes: Vec<Write> = events.iter().filter_map(|event| event.entry(now)).map(Write::Audit).collect();
    if !writes.is_empty() {
        store.persist(writes).await.context("the audit chain")?;
    }
    Ok(())
}

/// The texts of the files in the directory of approvals; none where it is not there.
fn presented(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION)).collect();
    files.sort();
    files.truncate(MOST_FILES);
    files.iter().filter_map(|path| text(path).ok()).collect()
}

/// A file's text, as far as an approval can be long; what is not text is shown as such.
fn text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The names of some operators.
fn names(operators: &[Verifier]) -> String {
    operators.iter().map(Verifier::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
