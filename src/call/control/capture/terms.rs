//! What a capture takes: what its agent asks for, within what the business takes.

use gate::wire::{Brand, Brands};

use crate::{
    api::{CaptureAsk, Method, Missing, Postal},
    port::Terms,
};

/// How often a field may be keyed: as often as the vault lets it.
pub(super) const MOST_ATTEMPTS: u8 = 3;
/// What prompts are spoken in.
const LANGUAGE: &str = "en";

/// What the business takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taking {
    /// The brands of cards.
    pub brands: Brands,
    /// The postal code that is asked for where an agent does not say.
    pub postal: Postal,
    /// Whether bank accounts are taken.
    pub bank_accounts: bool,
}

/// The terms of an ask.
///
/// # Errors
/// [`Missing::BankAccounts`] where it asks for one and none is taken; [`Missing::Sense`] where it asks for what is not to
/// be had of anybody, or for what the other method has.
pub(super) fn terms(ask: &CaptureAsk, taking: &Taking) -> Result<Terms, Missing> {
    let (is_plain, postal) = match ask.method {
        Method::Card => (ask.account_type.is_none(), ask.postal.unwrap_or(taking.postal)),
        Method::BankAccount if !taking.bank_accounts => return Err(Missing::BankAccounts),
        Method::BankAccount => (ask.brands.is_none() && ask.postal.is_none(), Postal::None),
    };
    let attempts = ask.attempts.unwrap_or(MOST_ATTEMPTS);
    let is_prompted = !matches!(postal, Postal::Canada | Postal::UnitedKingdom) && is_spoken(ask.language.as_deref());
    if !is_plain || !is_prompted || !(1..=MOST_ATTEMPTS).contains(&attempts) {
        return Err(Missing::Sense);
    }
    let account_type = ask.account_type.unwrap_or_default();
    let brands = brands(ask, taking).ok_or(Missing::Sense)?;
    Ok(Terms { method: ask.method, account_type, brands, postal, attempts })
}

/// The brands asked for that are taken, of which there must be one.
fn brands(ask: &CaptureAsk, taking: &Taking) -> Option<Brands> {
    let Some(names) = &ask.brands else { return Some(taking.brands) };
    let asked: Vec<Brand> = names.iter().map(|name| Brand::named(name)).collect::<Option<_>>()?;
    let taken: Vec<Brand> = asked.into_iter().filter(|brand| taking.brands.contains(*brand)).collect();
    (!taken.is_empty()).then(|| taken.into_iter().fold(Brands::none(), Brands::with))
}

/// Whether prompts are spoken in a language, by the first part of its tag (RFC 5646 §2.1).
fn is_spoken(tag: Option<&str>) -> bool {
    let language = tag.map(|tag| tag.split('-').next().unwrap_or_default());
    language.is_none_or(|language| language.eq_ignore_ascii_case(LANGUAGE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AccountType;

    fn taking() -> Taking {
        let brands = Brands::none().with(Brand::Visa).with(Brand::Amex);
        Taking { brands, postal: Postal::Us, bank_accounts: false }
    }

    #[test]
    fn what_is_not_asked_for_is_as_configured() {
        let taken = terms(&CaptureAsk::card(100), &taking()).unwrap();
        assert_eq!((taken.brands, taken.postal, taken.attempts), (taking().brands, Postal::Us, MOST_ATTEMPTS));
    }

    #[test]
    fn brands_are_narrowed_and_never_widened() {
        let asking = |names: &[&str]| CaptureAsk {
            brands: Some(names.iter().copied().map(str::to_owned).collect()),
            ..CaptureAsk::card(100)
        };
        let taken = |names: &[&str]| terms(&asking(names), &taking()).ok().map(|terms| terms.brands);
        assert_eq!(taken(&["visa", "jcb"]), Some(Brands::none().with(Brand::Visa)));
        assert_eq!(taken(&["jcb"]), None, "nothing is left");
        assert_eq!(taken(&["visa", "vista"]), None, "no such brand");
        assert_eq!(taken(&[]), None);
    }

    #[test]
    fn what_is_not_to_be_had_is_refused() {
        let card = CaptureAsk::card(100);
        let refused = [
            CaptureAsk { attempts: Some(0), ..card.clone() },
            CaptureAsk { attempts: Some(4), ..card.clone() },
            CaptureAsk { language: Some("es-US".into()), ..card.clone() },
            CaptureAsk { account_type: Some(AccountType::ConsumerSavings), ..card.clone() },
        ];
        for ask in refused {
            assert_eq!(terms(&ask, &taking()), Err(Missing::Sense), "{ask:?}");
        }
        let taken = CaptureAsk { language: Some("EN-us".into()), attempts: Some(1), ..card };
        assert!(terms(&taken, &taking()).is_ok());
    }

    #[test]
    fn bank_accounts_are_taken_where_the_configuration_says_so_and_have_nothing_of_a_card() {
        let banks = Taking { bank_accounts: true, ..taking() };
        let account = CaptureAsk { method: Method::BankAccount, ..CaptureAsk::card(100) };
        assert_eq!(terms(&account, &taking()), Err(Missing::BankAccounts));
        let taken = terms(&account, &banks).unwrap();
        assert_eq!((taken.postal, taken.account_type), (Postal::None, AccountType::ConsumerChecking));
        for ask in [
            CaptureAsk { brands: Some(vec!["visa".into()]), ..account.clone() },
            CaptureAsk { postal: Some(Postal::Us), ..account.clone() },
            CaptureAsk { attempts: Some(4), ..account.clone() },
        ] {
            assert_eq!(terms(&ask, &banks), Err(Missing::Sense), "{ask:?}");
        }
    }
}
