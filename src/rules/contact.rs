//! Whether the account of an inbound caller may be talked about now, by its flags.
//!
//! Every flag is judged, none is skipped, and the verdict is the worst finding. An unknown flag is not a clear
//! one: it stops the talk too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Something on an account that forbids or changes a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Written notice to cease communication (12 CFR 1006.6(c)).
    Cease,
    /// Asked not to be called by voice (12 CFR 1006.14(h)); it binds calls to the person, not from the person.
    VoiceOptOut,
    /// Represented by an attorney on this debt (12 CFR 1006.6(b)(2)).
    Attorney,
    /// A bankruptcy case is open or the debt is discharged (11 U.S.C. 362, 524).
    Bankruptcy,
    /// The debt is disputed.
    Dispute,
    /// Disputed in writing within the validation period: collection stops until verified (12 CFR 1006.38(d)).
    WrittenDispute,
    /// The person has died.
    Deceased,
    /// The person is a minor.
    Minor,
    /// The debt is said to come from identity theft.
    IdentityTheft,
    /// The debt is before a court.
    Litigation,
    /// On active military duty (50 U.S.C. ch. 50).
    Military,
    /// A moratorium such as the United Kingdom's breathing space is running.
    BreathingSpace,
    /// The person is vulnerable or in a crisis.
    Vulnerable,
    /// Financial hardship was reported.
    Hardship,
    /// The limitation period has passed: no threat of suit, extra words in some states (12 CFR 1006.26).
    TimeBarred,
}

impl Flag {
    /// Every flag, in the order in which findings are listed.
    pub const ALL: [Self; 15] = [
        Self::Cease,
        Self::VoiceOptOut,
        Self::Attorney,
        Self::Bankruptcy,
        Self::Dispute,
        Self::WrittenDispute,
        Self::Deceased,
        Self::Minor,
        Self::IdentityTheft,
        Self::Litigation,
        Self::Military,
        Self::BreathingSpace,
        Self::Vulnerable,
        Self::Hardship,
        Self::TimeBarred,
    ];

    /// The flag's name in files and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cease => "cease",
            Self::VoiceOptOut => "voice_opt_out",
            Self::Attorney => "attorney",
            Self::Bankruptcy => "bankruptcy",
            Self::Dispute => "dispute",
            Self::WrittenDispute => "written_dispute",
            Self::Deceased => "deceased",
            Self::Minor => "minor",
            Self::IdentityTheft => "identity_theft",
            Self::Litigation => "litigation",
            Self::Military => "military",
            Self::BreathingSpace => "breathing_space",
            Self::Vulnerable => "vulnerable",
            Self::Hardship => "hardship",
            Self::TimeBarred => "time_barred",
        }
    }

    /// The flag of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    /// What the flag does to a call that the person made.
    const fn verdict(self) -> Verdict {
        match self {
            Self::Cease | Self::Attorney | Self::Bankruptcy | Self::WrittenDispute => Verdict::Deny,
            Self::Litigation | Self::Minor | Self::BreathingSpace => Verdict::Deny,
            Self::Dispute | Self::Deceased | Self::IdentityTheft => Verdict::Refer,
            Self::Military | Self::Vulnerable | Self::Hardship | Self::TimeBarred => Verdict::Refer,
            Self::VoiceOptOut => Verdict::Permit,
        }
    }
}

/// The flags of one account: those that are set, and those whose state could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flags {
    /// Set on the account.
    pub set: BTreeSet<Flag>,
    /// Not readable: neither set nor clear.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown: BTreeSet<Flag>,
}

impl Flags {
    /// No flag set, all readable.
    #[must_use]
    pub fn clear() -> Self {
        Self::default()
    }

    /// Whether this flag is set.
    #[must_use]
    pub fn contains(&self, flag: Flag) -> bool {
        self.set.contains(&flag)
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        Self { set: flags.into_iter().collect(), unknown: BTreeSet::new() }
    }
}

/// What may happen, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The account may be talked about.
    Permit,
    /// A person must take over; no collection talk by the agent.
    Refer,
    /// It is not known whether a talk is allowed, so there is none.
    Indeterminate,
    /// No talk about the debt at all.
    Deny,
}

/// One flag that was set or unknown, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The flag.
    pub flag: Flag,
    /// Whether the flag was readable.
    pub known: bool,
    /// What follows from this flag alone.
    pub verdict: Verdict,
}

/// The verdict on one account, with everything found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The worst of the findings; [`Verdict::Permit`] where there is none.
    pub verdict: Verdict,
    /// Every flag that was set or unknown, in the order of [`Flag::ALL`].
    pub findings: Vec<Finding>,
}

impl Decision {
    /// Whether the agent may talk about the account.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        self.verdict == Verdict::Permit
    }

    /// The flag that decided, the first of the worst findings; `None` where the talk is permitted.
    #[must_use]
    pub fn cause(&self) -> Option<Flag> {
        let worst = self.findings.iter().find(|finding| finding.verdict == self.verdict)?;
        (!self.is_permitted()).then_some(worst.flag)
    }
}

/// Judges every flag of an account on a call that the person made.
#[must_use]
pub fn decide(flags: &Flags) -> Decision {
    let findings: Vec<Finding> = Flag::ALL.into_iter().filter_map(|flag| judge(flags, flag)).collect();
    let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Permit);
    Decision { verdict, findings }
}

fn judge(flags: &Flags, flag: Flag) -> Option<Finding> {
    let when_set = flag.verdict();
    if flags.set.contains(&flag) {
        return Some(Finding { flag, known: true, verdict: when_set });
    }
    // A flag that permits a talk even when set cannot stop one by being unreadable.
    let verdict = if when_set == Verdict::Permit { Verdict::Permit } else { Verdict::Indeterminate };
    flags.unknown.contains(&flag).then_some(Finding { flag, known: false, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_forbidding_flag_alone_denies_by_name() {
        for flag in [Flag::Cease, Flag::Attorney, Flag::Bankruptcy, Flag::Litigation, Flag::WrittenDispute] {
            let decision = decide(&Flags::from_iter([flag]));
            assert_eq!((decision.verdict, decision.cause()), (Verdict::Deny, Some(flag)));
        }
    }

    #[test]
    fn a_dispute_or_a_death_goes_to_a_person() {
        for flag in [Flag::Dispute, Flag::Deceased, Flag::IdentityTheft, Flag::Hardship] {
            assert_eq!(decide(&Flags::from_iter([flag])).verdict, Verdict::Refer);
        }
    }

    #[test]
    fn the_person_may_call_in_spite_of_a_voice_opt_out() {
        let decision = decide(&Flags::from_iter([Flag::VoiceOptOut]));
        assert!(decision.is_permitted() && decision.findings.len() == 1 && decision.cause().is_none());
    }

    #[test]
    fn an_unknown_flag_is_not_a_clear_one() {
        let unknown = Flags { set: BTreeSet::from([Flag::Dispute]), unknown: BTreeSet::from([Flag::Cease]) };
        let decision = decide(&unknown);
        assert_eq!((decision.verdict, decision.cause()), (Verdict::Indeterminate, Some(Flag::Cease)));
        assert_eq!(decision.findings.len(), 2);
    }

    #[test]
    fn names_are_the_ones_of_the_records() {
        for flag in Flag::ALL {
            assert_eq!(Flag::named(flag.name()), Some(flag));
            assert_eq!(serde_json::to_string(&flag).unwrap(), format!("\"{}\"", flag.name()));
        }
        assert_eq!(Flag::named("ceased"), None);
    }

    proptest! {
        #[test]
        fn more_flags_never_better_the_verdict(few in 0_u16.., more in 0_u16..) {
            let pick = |bits: u16| Flag::ALL.into_iter().enumerate().filter(move |(i, _)| bits >> i & 1 == 1).map(|(_, flag)| flag);
            let small = decide(&pick(few & 0x7fff).collect());
            let large = decide(&pick((few | more) & 0x7fff).collect());
            prop_assert!(large.verdict >= small.verdict);
            prop_assert!(small.findings.iter().all(|finding| large.findings.contains(finding)));
        }
    }
}
