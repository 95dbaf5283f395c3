//! Whether a call may be recorded, and by which rule.
//!
//! The recording notice is played in every call, because where a caller is is never certain. What follows from having heard
//! it differs: in most places one party's consent is enough, and the gateway is one; in some, every party has to consent, and
//! going on after the notice is taken for that unless the operator wants those calls not recorded at all.

use serde::{Deserialize, Serialize};

/// When calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Once the notice was played to its end: going on is consent.
    Notice,
    /// Likewise, but only where the caller's address and number both say that one party's consent is enough.
    OneParty,
    /// Never.
    Off,
}

/// What is known when the question is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances<'known> {
    /// Whether calls of this trunk may be recorded at all.
    pub is_trunk_recorded: bool,
    /// Whether the notice was proven played to its end.
    pub is_notice_played: bool,
    /// Whether the caller objected.
    pub is_refused: bool,
    /// The caller's number as `+` and digits (ITU-T E.164), where it was given.
    pub number: Option<&'known str>,
    /// The postal code of the account, where one was found.
    pub postal_code: Option<&'known str>,
}

/// The rule by which a call was recorded, or was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Recorded: the caller heard the notice and went on.
    Notice,
    /// Recorded: the caller heard the notice and went on, and is where one party's consent is enough.
    OneParty,
    /// Not recorded: nothing is.
    Off,
    /// Not recorded: nothing of the trunk is.
    Trunk,
    /// Not recorded, or no more: the caller objected.
    Refused,
    /// Not recorded: the notice was not played to its end.
    NoNotice,
    /// Not recorded: the caller may be where all parties must consent.
    AllParty,
    /// Not recorded: where the caller is, is not known.
    UnknownPlace,
}

impl Basis {
    /// Whether the call is recorded.
    #[must_use]
    pub const fn permits(self) -> bool {
        match self {
            Self::Notice | Self::OneParty => true,
            Self::Off | Self::Trunk | Self::Refused | Self::NoNotice | Self::AllParty | Self::UnknownPlace => false,
        }
    }

    /// Its name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::OneParty => "one_party",
            Self::Off => "off",
            Self::Trunk => "trunk",
            Self::Refused => "refused",
            Self::NoNotice => "no_notice",
            Self::AllParty => "all_party",
            Self::UnknownPlace => "unknown_place",
        }
    }
}

/// By which rule the call is recorded, or is not.
#[must_use]
pub fn decide(consent: Consent, known: &Circumstances<'_>) -> Basis {
    let stop = [
        (consent == Consent::Off, Basis::Off),
        (!known.is_trunk_recorded, Basis::Trunk),
        (known.is_refused, Basis::Refused),
        (!known.is_notice_played, Basis::NoNotice),
    ];
    if let Some((_, basis)) = stop.into_iter().find(|(applies, _)| *applies) {
        return basis;
    }
    match consent {
        Consent::OneParty => place(known),
        Consent::Notice | Consent::Off => Basis::Notice,
    }
}

/// The address has to be known, and neither it nor the number may point to a place where all parties must consent.
fn place(known: &Circumstances<'_>) -> Basis {
    let area = known.number.and_then(area_code);
    let prefix = known.postal_code.and_then(postal_prefix);
    let by_number = area.is_some_and(|area| STATES.iter().any(|state| state.area_codes.contains(&area)));
    let by_address = prefix.is_some_and(|prefix| {
        STATES.iter().any(|state| state.postal_prefixes.iter().any(|(first, last)| (*first..=*last).contains(&prefix)))
    });
    let is_abroad = known.number.is_some_and(|number| !number.starts_with("+1"));
    if by_number || by_address {
        Basis::AllParty
    } else if prefix.is_none() || is_abroad {
        Basis::UnknownPlace
    } else {
        Basis::OneParty
    }
}

/// The area code of a North American number.
fn area_code(number: &str) -> Option<u16> {
    number.strip_prefix("+1")?.get(..3)?.parse().ok()
}

/// The first three digits of a postal code of the United States.
fn postal_prefix(code: &str) -> Option<u16> {
    let digits = code.get(..5).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits[..3].parse().ok()
}

/// A state where all parties must consent, or may have to.
struct State {
    area_codes: &'static [u16],
    postal_prefixes: &'static [(u16, u16)],
}

/// The states whose wiretap acts ask for the consent of all parties; Connecticut, Michigan and Oregon, whose law is mixed, are
/// among them. Lists differ: this is the longest. Area codes of the North American Numbering Plan, postal codes of the United States Postal
/// Service. A new area code that is missing here does not matter while the address is known.
const STATES: [State; 14] = [
    // California
    State {
        area_codes: &[
            209, 213, 279, 310, 323, 341, 350, 357, 369, 408, 415, 424, 442, 510, 530, 559, 562, 619, 626, 628, 650,
            657, 661, 669, 707, 714, 738, 747, 760, 805, 818, 820, 831, 837, 840, 858, 909, 916, 925, 949, 951,
        ],
        postal_prefixes: &[(900, 961)],
    },
    // Connecticut
    State { area_codes: &[203, 475, 860, 959], postal_prefixes: &[(60, 69)] },
    // Delaware
    State { area_codes: &[302], postal_prefixes: &[(197, 199)] },
    // Florida
    State {
        area_codes: &[
            239, 305, 321, 324, 352, 386, 407, 448, 561, 645, 656, 689, 727, 728, 754, 772, 786, 813, 850, 863, 904,
            941, 954,
        ],
        postal_prefixes: &[(320, 349)],
    },
    // Illinois
    State {
        area_codes: &[217, 224, 309, 312, 331, 447, 464, 618, 630, 708, 730, 773, 779, 815, 847, 861, 872],
        postal_prefixes: &[(600, 629)],
    },
    // Maryland
    State { area_codes: &[227, 240, 301, 410, 443, 667], postal_prefixes: &[(206, 219)] },
    // Massachusetts
    State { area_codes: &[339, 351, 413, 508, 617, 774, 781, 857, 978], postal_prefixes: &[(10, 27), (55, 55)] },
    // Michigan
    State {
        area_codes: &[231, 248, 269, 313, 517, 586, 616, 679, 734, 810, 906, 947, 989],
        postal_prefixes: &[(480, 499)],
    },
    // Montana
    State { area_codes: &[406], postal_prefixes: &[(590, 599)] },
    // Nevada
    State { area_codes: &[702, 725, 775], postal_prefixes: &[(889, 898)] },
    // New Hampshire
    State { area_codes: &[603], postal_prefixes: &[(30, 38)] },
    // Oregon
    State { area_codes: &[458, 503, 541, 971], postal_prefixes: &[(970, 979)] },
    // Pennsylvania
    State {
        area_codes: &[215, 223, 267, 272, 412, 445, 484, 570, 582, 610, 717, 724, 814, 835, 878],
        postal_prefixes: &[(150, 196)],
    },
    // Washington
    State { area_codes: &[206, 253, 360, 425, 509, 564], postal_prefixes: &[(980, 994)] },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that may be recorded by any rule: Washington, D.C., asks for one party's consent.
    const HEARD: Circumstances<'_> = Circumstances {
        is_trunk_recorded: true,
        is_notice_played: true,
        is_refused: false,
        number: Some("+12025550143"),
        postal_code: Some("20009"),
    };

    #[test]
    fn going_on_after_the_notice_is_consent_everywhere_but_where_one_party_must_be_enough() {
        let california = Circumstances { number: Some("+14155550143"), ..HEARD };
        assert_eq!(decide(Consent::Notice, &HEARD), Basis::Notice);
        assert_eq!(decide(Consent::Notice, &california), Basis::Notice);
        assert_eq!(decide(Consent::OneParty, &HEARD), Basis::OneParty);
        assert_eq!(decide(Consent::OneParty, &california), Basis::AllParty);
    }

    #[test]
    fn whatever_points_to_an_all_party_state_counts_and_what_is_not_known_is_no_permission() {
        let cases = [
            (Some("+12025550143"), Some("90012"), Basis::AllParty),
            (Some("+12065550143"), Some("20009"), Basis::AllParty),
            (Some("+12065550143"), None, Basis::AllParty),
            (Some("+12025550143"), None, Basis::UnknownPlace),
            (None, Some("20009-1234"), Basis::OneParty),
            (None, Some("02110"), Basis::AllParty),
            (None, Some("SW1A 1AA"), Basis::UnknownPlace),
            (Some("+442079460018"), Some("20009"), Basis::UnknownPlace),
        ];
        for (number, postal_code, basis) in cases {
            let known = Circumstances { number, postal_code, ..HEARD };
            assert_eq!(decide(Consent::OneParty, &known), basis, "{number:?} {postal_code:?}");
        }
    }

    #[test]
    fn nothing_is_recorded_that_was_refused_or_not_announced_or_is_switched_off() {
        for consent in [Consent::Notice, Consent::OneParty] {
            assert_eq!(decide(consent, &Circumstances { is_refused: true, ..HEARD }), Basis::Refused);
            assert_eq!(decide(consent, &Circumstances { is_notice_played: false, ..HEARD }), Basis::NoNotice);
            assert_eq!(decide(consent, &Circumstances { is_trunk_recorded: false, ..HEARD }), Basis::Trunk);
        }
        assert_eq!(decide(Consent::Off, &HEARD), Basis::Off);
    }

    #[test]
    fn only_two_bases_permit() {
        let all = [
            Basis::Notice,
            Basis::OneParty,
            Basis::Off,
            Basis::Trunk,
            Basis::Refused,
            Basis::NoNotice,
            Basis::AllParty,
            Basis::UnknownPlace,
        ];
        let permitting: Vec<_> = all.into_iter().filter(|basis| basis.permits()).map(Basis::name).collect();
        assert_eq!(permitting, ["notice", "one_party"]);
        assert!(all.iter().all(|basis| serde_json::to_value(basis).unwrap() == basis.name()));
    }
}
