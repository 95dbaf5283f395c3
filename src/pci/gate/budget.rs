//! The budget of keys outside captures.

use std::time::{Duration, Instant};

use crate::{
    BUDGET_WINDOW, Collect, CollectEnd, Collected, GateOutput, KEY_BUDGET, KeyPolicy, MenuKey, SuppressReason,
    Suppressed, key::Key, outputs::Outputs,
};

const BUDGET: usize = KEY_BUDGET as usize;

struct Active {
    collect: Collect,
    keys: u8,
    deadline: Instant,
}

/// Keys with no pause between them, whoever they are for.
struct Run {
    /// Keys that were pressed.
    pressed: u32,
    /// Keys that left.
    delivered: u8,
    last: Instant,
}

/// Lets keys leave within the budget and counts the rest. Outside a collect it holds the keys of one run, at most
/// [`KEY_BUDGET`], and wipes them when the run ends.
pub(crate) struct Budget {
    policy: KeyPolicy,
    active: Option<Active>,
    run: Option<Run>,
    held: [Option<Key>; BUDGET],
    /// When the latest keys left.
    left: [Option<Instant>; BUDGET],
    next: usize,
    dropped: Option<Suppressed>,
    suppressed: u64,
}

impl Budget {
    pub(crate) fn new(policy: KeyPolicy) -> Self {
        let held = [const { None }; BUDGET];
        Self { policy, active: None, run: None, held, left: [None; BUDGET], next: 0, dropped: None, suppressed: 0 }
    }

    /// Keys dropped so far.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Declares a collect.
    pub(crate) fn collect(&mut self, now: Instant, collect: Collect, outputs: &mut Outputs) {
        self.handle_timeout(now, outputs);
        self.end(CollectEnd::Withdrawn, outputs);
        self.drop_held(SuppressReason::Undeclared);
        let collect = Collect { max_keys: collect.max_keys.clamp(1, KEY_BUDGET), ..collect };
        self.active = Some(Active { collect, keys: 0, deadline: now + collect.patience });
    }

    /// Ends the collect that is under way.
    pub(crate) fn end_collect(&mut self, outputs: &mut Outputs) {
        self.end(CollectEnd::Withdrawn, outputs);
    }

    /// A capture begins: everything held is dropped.
    pub(crate) fn withdraw(&mut self, outputs: &mut Outputs) {
        self.end(CollectEnd::Withdrawn, outputs);
        self.drop_held(SuppressReason::Capture);
        self.tell_dropped(outputs);
    }

    /// A key was pressed while a capture was not taking keys.
    pub(crate) fn refuse(&mut self, now: Instant) {
        self.lengthen_run(now);
        self.suppress(1, SuppressReason::Capture);
    }

    /// A key was pressed outside captures.
    pub(crate) fn press(&mut self, now: Instant, key: Key, outputs: &mut Outputs) {
        self.handle_timeout(now, outputs);
        let delivered = self.lengthen_run(now);
        if self.active.is_some() {
            self.press_in_collect(now, key, delivered, outputs);
            return;
        }
        match self.policy {
            KeyPolicy::Declared => self.suppress(1, SuppressReason::Undeclared),
            KeyPolicy::Released { .. } if self.run.as_ref().is_some_and(|run| run.pressed as usize <= BUDGET) => {
                self.hold(key);
            }
            KeyPolicy::Released { .. } => {
                self.drop_held(SuppressReason::RunTooLong);
                self.suppress(1, SuppressReason::RunTooLong);
            }
        }
    }

    /// When a run or a collect ends.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let run = self.run.as_ref().map(|run| run.last + self.pause());
        run.into_iter().chain(self.active.as_ref().map(|active| active.deadline)).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, outputs: &mut Outputs) {
        if let Some(active) = self.active.as_ref().filter(|active| now >= active.deadline) {
            let end = if active.keys == 0 { CollectEnd::NoKeys } else { CollectEnd::Paused };
            self.end(end, outputs);
        }
        let pause = self.pause();
        if self.run.take_if(|run| now >= run.last + pause).is_some() {
            self.end_run(now, outputs);
            self.tell_dropped(outputs);
        }
    }

    fn pause(&self) -> Duration {
        match self.policy {
            KeyPolicy::Declared => KeyPolicy::SHORTEST_PAUSE,
            KeyPolicy::Released { pause } => pause.max(KeyPolicy::SHORTEST_PAUSE),
        }
    }

    /// Keys of the run that have left before this one.
    fn lengthen_run(&mut self, now: Instant) -> u8 {
        let run = self.run.get_or_insert(Run { pressed: 0, delivered: 0, last: now });
        run.pressed += 1;
        run.last = now;
        run.delivered
    }

    fn press_in_collect(&mut self, now: Instant, key: Key, delivered: u8, outputs: &mut Outputs) {
        let Some(active) = &mut self.active else { return };
        if active.collect.terminator == Some(char::from(key.symbol())) {
            // Before any key it belongs to the answer before, which was full without it.
            if active.keys > 0 {
                self.end(CollectEnd::Terminated, outputs);
            }
        } else if delivered >= KEY_BUDGET {
            self.suppress(1, SuppressReason::RunTooLong);
            self.end(CollectEnd::Overrun, outputs);
        } else {
            active.keys += 1;
            active.deadline = now + active.collect.pause;
            let (full, purpose) = (active.keys == active.collect.max_keys, active.collect.purpose);
            self.deliver(now, MenuKey { key, purpose: Some(purpose) }, outputs);
            if full {
                self.end(CollectEnd::Full, outputs);
            }
        }
    }

    fn hold(&mut self, key: Key) {
        if let Some(slot) = self.held.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(key);
        }
    }

    /// The pause has come: the held run leaves whole, or not at all.
    fn end_run(&mut self, now: Instant, outputs: &mut Outputs) {
        let held = self.held.iter().flatten().count();
        let recent = self.left.iter().flatten().filter(|&&left| now < left + BUDGET_WINDOW).count();
        if recent + held > BUDGET {
            self.drop_held(SuppressReason::BudgetSpent);
            return;
        }
        for place in 0..BUDGET {
            if let Some(key) = self.held[place].as_ref().map(Key::duplicate) {
                self.held[place] = None;
                self.deliver(now, MenuKey { key, purpose: None }, outputs);
            }
        }
    }

    fn deliver(&mut self, now: Instant, key: MenuKey, outputs: &mut Outputs) {
        self.left[self.next] = Some(now);
        self.next = (self.next + 1) % BUDGET;
        if let Some(run) = &mut self.run {
            run.delivered = run.delivered.saturating_add(1);
        }
        outputs.push(GateOutput::MenuKey(key));
    }

    fn end(&mut self, end: CollectEnd, outputs: &mut Outputs) {
        if let Some(active) = self.active.take() {
            let (purpose, keys) = (active.collect.purpose, active.keys);
            outputs.push(GateOutput::Collected(Collected { purpose, keys, end }));
        }
    }

    fn drop_held(&mut self, reason: SuppressReason) {
        let held = self.held.iter().flatten().count();
        // In their places, so that they are wiped there.
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
