use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::beginning;
use crate::{
    CaptureId, CapturePrompt, ControlFailure, GateOutput, SinkId,
    capture::Capture,
    key::Key,
    output::Outputs,
    wire::{DeclineReason, FailReason, FromVault, Outcome, PromptReason, Step, WipeCause, WipeRecord},
};

const NAME: CaptureId = [7; 16];

struct Bench {
    capture: Capture,
    outputs: Outputs,
    now: Instant,
    quiet_since: Instant,
    /// What came out, by name.
    told: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let (capture, outputs, now) = (Capture::new(beginning()), Outputs::new(), beginning());
        Self { capture, outputs, now, quiet_since: now, told: vec![] }
    }

    fn armed() -> Self {
        let mut bench = Self::new();
        bench.capture.begin(bench.now, NAME);
        bench.capture.proven(&mut bench.outputs);
        bench.drain();
        bench
    }

    /// Armed, and the vault has asked for the number.
    fn prompted() -> Self {
        let mut bench = Self::armed();
        bench.vault(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
        bench.told.clear();
        bench
    }

    fn drain(&mut self) -> &mut Self {
        while let Some(output) = self.outputs.queue.pop_front() {
            self.told.push(match output {
                GateOutput::Vault(message) => {
                    let mut bytes = Vec::new();
                    message.send(&mut bytes).unwrap();
                    format!("vault {:?}", &bytes[1..3])
                }
                GateOutput::Prompt(prompt) => format!("prompt {:?}", prompt.step),
                GateOutput::Capture(event) => format!("{event:?}").split([' ', '{']).next().unwrap_or_default().into(),
                GateOutput::Control(failure) => format!("{failure:?}"),
                GateOutput::MenuKey(_)
                | GateOutput::Collected(_)
                | GateOutput::Speech(_)
                | GateOutput::Suppressed(_) => panic!("not the capture's"),
            });
        }
        self
    }

    fn vault(&mut self, message: &FromVault) {
        self.capture.handle_vault(self.now, &message.encode(), &mut self.outputs);
        self.drain();
    }

    fn press(&mut self, symbol: u8) {
        if self.capture.takes_keys() {
            self.quiet_since = self.now;
            self.capture.press(&Key::from_symbol(symbol).unwrap(), &mut self.outputs);
            self.drain();
        }
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due) = self.capture.poll_timeout(self.quiet_since).filter(|&due| due <= until) {
            self.now = due.max(self.now);
            self.capture.handle_timeout(self.now, self.quiet_since, &mut self.outputs);
        }
        self.now = until;
        self.drain();
    }

    fn take(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.told)
    }
}

fn wiped() -> FromVault {
    let record =
        WipeRecord { capture: NAME, cause: WipeCause::Failed, sequence: 1, unix_millis: 1, signature: [0; 64] };
    FromVault::Wiped(record)
}

fn declined() -> FromVault {
    FromVault::Outcome(Outcome::Declined(DeclineReason::Declined))
}

#[test]
fn keys_go_to_the_vault_only_after_its_first_word() {
    let mut bench = Bench::armed();
    bench.press(b'4');
    assert_eq!(bench.take(), ["Armed"]);
    bench.vault(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
    bench.press(b'4');
    bench.press(b'#');
    bench.press(b'A');
    assert_eq!(bench.take(), ["prompt Number", "vault [2, 0]", "vault [1, 52]", "vault [1, 35]"]);
}

#[test]
fn a_prompt_that_ended_is_told_once_and_only_if_it_is_the_one() {
    let mut bench = Bench::prompted();
    let prompt = |step| CapturePrompt { step, reason: PromptReason::First };
    bench.capture.prompt_ended(prompt(Step::Expiry), &mut bench.outputs);
    bench.capture.prompt_ended(prompt(Step::Number), &mut bench.outputs);
    bench.capture.prompt_ended(prompt(Step::Number), &mut bench.outputs);
    assert_eq!(bench.take(), ["vault [2, 0]"]);
}

#[test]
fn the_mute_outlasts_the_outcome_the_wipe_and_the_last_key() {
    let mut bench = Bench::prompted();
    bench.vault(&declined());
    assert_eq!(bench.take(), ["Outcome(Declined(Declined))"]);
    bench.wait(300);
    bench.vault(&wiped());
    bench.quiet_since = bench.now;
    bench.wait(499);
    assert!(bench.capture.epoch().is_some());
    bench.wait(1);
    assert!(bench.capture.epoch().is_none());
    assert_eq!(bench.take(), ["WipeRecord(WipeRecord", "Released"]);
}

#[test]
fn a_missing_wipe_record_is_a_failed_control() {
    let mut bench = Bench::prompted();
    bench.vault(&declined());
    bench.wait(2_000);
    assert_eq!(bench.take()[1..], ["WipeUnconfirmed", "Released"]);
}

#[test]
fn a_wipe_record_of_another_capture_is_none() {
    let mut bench = Bench::prompted();
    bench.vault(&declined());
    let FromVault::Wiped(record) = wiped() else { unreachable!() };
    bench.vault(&FromVault::Wiped(WipeRecord { capture: [8; 16], ..record }));
    bench.wait(2_000);
    assert_eq!(bench.take()[1..], ["WipeUnconfirmed", "Released"]);
}

#[test]
fn a_closed_vault_fails_the_capture_and_says_that_the_wipe_is_unproven() {
    let mut bench = Bench::prompted();
    bench.capture.vault_closed(bench.now, &mut bench.outputs);
    bench.wait(1_000);
    assert_eq!(bench.take(), ["vault [3, 0]", "Outcome(Failed(VaultClosed))", "WipeUnconfirmed", "Released"]);
}

#[test]
fn a_vault_that_breaks_the_rules_fails_the_capture() {
    for packet in [&b""[..], &[1; 128], &[0; 4]] {
        let mut bench = Bench::prompted();
        bench.capture.handle_vault(bench.now, packet, &mut bench.outputs);
        assert_eq!(bench.take(), ["vault [3, 0]", "Outcome(Failed(VaultMisbehaved))"]);
    }
}

#[test]
fn a_vault_that_says_nothing_fails_the_capture() {
    let mut bench = Bench::armed();
    bench.wait(6_000);
    assert_eq!(bench.take(), ["Armed", "vault [3, 0]", "Outcome(Failed(Expired))", "Released"]);
}

#[test]
fn no_capture_lasts_for_ever() {
    let mut bench = Bench::prompted();
    bench.wait(602_000);
    assert_eq!(bench.take()[1], "Outcome(Failed(Expired))");
    assert!(bench.capture.epoch().is_none());
}

#[test]
fn a_hang_up_cancels_and_waits_for_the_wipe_alone() {
    let mut bench = Bench::prompted();
    bench.press(b'4');
    bench.take();
    bench.capture.hang_up(bench.now, &mut bench.outputs);
    assert_eq!(bench.take(), ["vault [3, 0]", "Outcome(Failed(HungUp))"]);
    bench.vault(&wiped());
    bench.wait(0);
    assert_eq!(bench.take()[1], "Released");
}

#[test]
fn once_a_card_may_be_on_its_way_a_failure_is_unknown_and_a_cancel_is_the_vaults_to_judge() {
    let mut bench = Bench::prompted();
    bench.vault(&FromVault::ConnectionWanted);
    bench.capture.cancel(bench.now, &mut bench.outputs);
    assert_eq!(bench.take(), ["ConnectionWanted", "vault [3, 0]"], "it is told, and what it says is the outcome");
    bench.vault(&FromVault::Outcome(Outcome::Failed(FailReason::Withdrawn)));
    assert_eq!(bench.take(), ["Outcome(Failed(Vault(Withdrawn)))"]);

    let mut bench = Bench::prompted();
    bench.vault(&FromVault::ConnectionWanted);
    bench.take();
    bench.capture.fail_control(bench.now, ControlFailure::MuteLapsed(SinkId(1)), &mut bench.outputs);
    assert_eq!(bench.take(), ["MuteLapsed(SinkId(1))", "vault [3, 0]", "Outcome(Unknown)"]);
}

/// What a capture may be asked for, in any order.
#[derive(Clone, Copy, Debug)]
enum Act {
    Begin,
    Prove,
    Prompt,
    Connection,
    Outcome,
    Wiped,
    Garbage,
    Close,
    Cancel,
    Lapse,
    Press,
    HangUp,
    Wait(u64),
}

/// The rules alone: where a capture stands, without how it gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    Idle,
    Muting,
    Armed { opened: bool, submitting: bool },
    Wiping,
    Releasing,
}

impl Model {
    /// Where an act leads; `Wait` is judged by what came out.
    fn next(self, act: Act) -> Self {
        use Model::{Armed, Idle, Muting, Releasing, Wiping};
        let failed = |opened| if opened { Wiping } else { Releasing };
        match (self, act) {
            (Idle, Act::Begin) => Muting,
            (Muting, Act::Prove) => Armed { opened: false, submitting: false },
            (Muting, Act::Cancel | Act::Lapse | Act::Close | Act::HangUp) => Releasing,
            (Muting, Act::Prompt | Act::Connection | Act::Outcome | Act::Wiped | Act::Garbage) => Releasing,
            (Armed { submitting, .. }, Act::Prompt) => Armed { opened: true, submitting },
            (Armed { .. }, Act::Connection) => Armed { opened: true, submitting: true },
            (Armed { .. }, Act::Outcome | Act::Wiped) => Wiping,
            (Armed { submitting: true, .. }, Act::Cancel) => self,
            (Armed { .. }, Act::Close) | (Wiping, Act::Close | Act::Wiped) => Releasing,
            (Armed { opened, .. }, Act::Cancel | Act::Lapse | Act::Garbage | Act::HangUp) => failed(opened),
            (Idle | Muting | Armed { .. } | Wiping | Releasing, _) => self,
        }
    }

    fn is_mute(self) -> bool {
        self != Self::Idle
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Begin), 4 => Just(Act::Prove), 4 => Just(Act::Prompt), 2 => Just(Act::Connection),
        2 => Just(Act::Outcome), 2 => Just(Act::Wiped), 1 => Just(Act::Garbage), 1 => Just(Act::Close),
        1 => Just(Act::Cancel), 1 => Just(Act::Lapse), 4 => Just(Act::Press), 1 => Just(Act::HangUp),
        3 => (1_u64..3_000).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..60)
}

impl Bench {
    fn act(&mut self, act: Act) {
        match act {
            Act::Begin => _ = self.capture.begin(self.now, NAME),
            Act::Prove => self.capture.proven(&mut self.outputs),
            Act::Prompt => self.vault(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First }),
            Act::Connection => self.vault(&FromVault::ConnectionWanted),
            Act::Outcome => self.vault(&declined()),
            Act::Wiped => self.vault(&wiped()),
            Act::Garbage => self.capture.handle_vault(self.now, b"garbage", &mut self.outputs),
            Act::Close => self.capture.vault_closed(self.now, &mut self.outputs),
            Act::Cancel => self.capture.cancel(self.now, &mut self.outputs),
            Act::Lapse => {
                self.capture.fail_control(self.now, ControlFailure::MuteLapsed(SinkId(1)), &mut self.outputs);
            }
            Act::Press => self.press(b'4'),
            Act::HangUp => self.capture.hang_up(self.now, &mut self.outputs),
            Act::Wait(millis) => self.wait(millis),
        }
    }

    /// What a wait did to the model, read from the outputs.
    fn after_wait(&self, model: Model) -> Model {
        let told = |name: &str| self.told.iter().any(|told| told.starts_with(name));
        match model {
            _ if told("Released") => Model::Idle,
            Model::Armed { opened, .. } if told("Outcome") => {
                if opened {
                    Model::Wiping
                } else {
                    Model::Releasing
                }
            }
            Model::Wiping if told("WipeUnconfirmed") => Model::Releasing,
            Model::Idle | Model::Muting | Model::Armed { .. } | Model::Wiping | Model::Releasing => model,
        }
    }
}

proptest! {
    #[test]
    fn a_capture_follows_its_model(acts in acts()) {
        let (mut bench, mut model, mut outcomes, mut captures) = (Bench::new(), Model::Idle, 0, 0);
        for act in acts {
            captures += u32::from(model == Model::Idle && matches!(act, Act::Begin));
            bench.act(act);
            bench.drain();
            model = bench.after_wait(model.next(act));
            let told = bench.take();
            outcomes += told.iter().filter(|told| told.starts_with("Outcome")).count() as u32;
            prop_assert_eq!(bench.capture.epoch().is_some(), model.is_mute(), "after {:?}: {:?}", act, told);
            prop_assert_eq!(bench.capture.takes_keys(), matches!(model, Model::Armed { opened: true, .. }));
            prop_assert_eq!(bench.capture.needs_proof(), matches!(model, Model::Muting | Model::Armed { .. }));
            let keyed = told.iter().any(|told| told.starts_with("vault [1,"));
            let may_key = matches!(model, Model::Armed { opened: true, .. });
            prop_assert!(!keyed || may_key);
        }
        bench.capture.proven(&mut bench.outputs);
        bench.wait(700_000);
        outcomes += bench.take().iter().filter(|told| told.starts_with("Outcome")).count() as u32;
        prop_assert!(bench.capture.epoch().is_none(), "every capture ends");
        prop_assert_eq!(outcomes, captures, "with one outcome each");
    }
}
