//! The budget of keys outside captures.

use std::time::{Duration, Instant};

use crate::{
    BUDGET_WINDOW, Collect, CollectEnd, Collected, GateOutput, KEY_BUDGET, KeyPolicy, MenuKey, Purpose, SHORTEST_PAUSE,
    SuppressReason, Suppressed, key::Key, output::Outputs,
};

const BUDGET: usize = KEY_BUDGET as usize;

#[derive(Clone, Copy)]
struct Active {
    collect: Collect,
    keys: u8,
    deadline: Instant,
}

/// Keys with no pause between them, whoever they are for.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Keys that were pressed.
    pressed: usize,
    /// Keys that left.
    delivered: u8,
    last: Instant,
}

/// Lets keys leave within the budget and counts the rest. Outside a collect it holds the keys of one run, at most
/// [`KEY_BUDGET`], and wipes them when the run ends.
pub(crate) struct Budget {
    /// Whether runs that nobody declared leave.
    releases: bool,
    /// What ends a run.
    pause: Duration,
    active: Option<Active>,
    run: Option<Run>,
    /// The keys of an undeclared run.
    held: [Option<Box<Key>>; BUDGET],
    /// When the latest keys left.
    left: [Option<Instant>; BUDGET],
    next: usize,
    dropped: Option<Suppressed>,
    /// Keys dropped so far.
    pub(crate) suppressed: u64,
}

impl Budget {
    pub(crate) fn new(policy: KeyPolicy) -> Self {
        let (releases, pause) = match policy {
            KeyPolicy::Declared => (false, SHORTEST_PAUSE),
            KeyPolicy::Released { pause } => (true, pause.max(SHORTEST_PAUSE)),
        };
        let (active, run, dropped, held) = (None, None, None, [const { None }; BUDGET]);
        Self { releases, pause, active, run, held, left: [None; BUDGET], next: 0, dropped, suppressed: 0 }
    }

    /// Declares a collect.
    pub(crate) fn collect(&mut self, now: Instant, collect: Collect, outputs: &mut Outputs) {
        self.handle_timeout(now, outputs);
        self.end(CollectEnd::Withdrawn, outputs);
        self.drop_held(SuppressReason::Undeclared);
        let collect = Collect { max_keys: collect.max_keys.clamp(1, KEY_BUDGET), ..collect };
        self.active = Some(Active { collect, keys: 0, deadline: now + collect.patience });
    }

    /// Ends the collect that is under way, if one is.
    pub(crate) fn end(&mut self, end: CollectEnd, outputs: &mut Outputs) {
        if let Some(Active { collect, keys, .. }) = self.active.take() {
            outputs.push(GateOutput::Collected(Collected { purpose: collect.purpose, keys, end }));
        }
    }

    /// A capture begins: everything held is dropped.
    pub(crate) fn withdraw(&mut self, outputs: &mut Outputs) {
        self.end(CollectEnd::Withdrawn, outputs);
        self.drop_held(SuppressReason::Capture);
        self.tell_dropped(outputs);
    }

    /// A key was pressed that is not the vault's: outside captures, or while one `is_mute` and takes no keys.
    pub(crate) fn press(&mut self, now: Instant, key: Key, is_mute: bool, outputs: &mut Outputs) {
        self.handle_timeout(now, outputs);
        let run = self.lengthen_run(now);
        if is_mute {
            self.suppress(1, SuppressReason::Capture);
        } else if let Some(active) = self.active {
            self.press_in_collect(now, key, active, run, outputs);
        } else if !self.releases {
            self.suppress(1, SuppressReason::Undeclared);
        } else if run.pressed <= BUDGET {
            self.held[run.pressed - 1] = Some(Box::new(key));
        } else {
            self.drop_held(SuppressReason::RunTooLong);
            self.suppress(1, SuppressReason::RunTooLong);
        }
    }

    /// When a run or a collect ends.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let run = self.run.as_ref().map(|run| run.last + self.pause);
        run.into_iter().chain(self.active.as_ref().map(|active| active.deadline)).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, outputs: &mut Outputs) {
        if let Some(active) = self.active.filter(|active| now >= active.deadline) {
            self.end(if active.keys == 0 { CollectEnd::NoKeys } else { CollectEnd::Paused }, outputs);
        }
        if self.run.take_if(|run| now >= run.last + self.pause).is_some() {
            self.end_run(now, outputs);
        }
    }

    /// The run with the key that was pressed now, which has not left, or goes to the vault.
    pub(crate) fn lengthen_run(&mut self, now: Instant) -> Run {
        let run = self.run.get_or_insert(Run { pressed: 0, delivered: 0, last: now });
        (run.pressed, run.last) = (run.pressed + 1, now);
        *run
    }

    fn press_in_collect(&mut self, now: Instant, key: Key, mut active: Active, run: Run, outputs: &mut Outputs) {
        let Collect { purpose, max_keys, terminator, pause, .. } = active.collect;
        let end = if terminator == Some(char::from(key.symbol())) {
            // Before any key it belongs to the answer before, which was full without it.
            (active.keys > 0).then_some(CollectEnd::Terminated)
        } else if run.delivered >= KEY_BUDGET {
            self.suppress(1, SuppressReason::RunTooLong);
            Some(CollectEnd::Overrun)
        } else {
            (active.keys, active.deadline) = (active.keys + 1, now + pause);
            self.deliver(now, Box::new(key), Some(purpose), outputs);
            (active.keys == max_keys).then_some(CollectEnd::Full)
        };
        self.active = Some(active);
        if let Some(end) = end {
            self.end(end, outputs);
        }
    }

    /// The pause has come: the held run leaves whole, or not at all.
    fn end_run(&mut self, now: Instant, outputs: &mut Outputs) {
        let held = self.held.iter().flatten().count();
        let recent = self.left.iter().flatten().filter(|&&left| now < left + BUDGET_WINDOW).count();
        if recent + held > BUDGET {
            self.drop_held(SuppressReason::BudgetSpent);
        }
        for place in 0..BUDGET {
            if let Some(key) = self.held[place].take() {
                self.deliver(now, key, None, outputs);
            }
        }
        self.tell_dropped(outputs);
    }

    fn deliver(&mut self, now: Instant, key: Box<Key>, purpose: Option<Purpose>, outputs: &mut Outputs) {
        self.left[self.next] = Some(now);
        self.next = (self.next + 1) % BUDGET;
        if let Some(run) = &mut self.run {
            run.delivered += 1;
        }
        outputs.push(GateOutput::MenuKey(MenuKey { key, purpose }));
    }

    /// Drops the keys of the run, which wipes them.
    fn drop_held(&mut self, reason: SuppressReason) {
        let held = self.held.iter().flatten().count();
        self.held.iter_mut().for_each(|place| *place = None);
        if held > 0 {
            self.suppress(held as u32, reason);
        }
    }

    fn suppress(&mut self, keys: u32, reason: SuppressReason) {
        self.suppressed += u64::from(keys);
        self.dropped.get_or_insert(Suppressed { keys: 0, reason }).keys += keys;
    }

    fn tell_dropped(&mut self, outputs: &mut Outputs) {
        if let Some(dropped) = self.dropped.take() {
            outputs.push(GateOutput::Suppressed(dropped));
        }
    }
}

#[cfg(test)]
mod tests;
