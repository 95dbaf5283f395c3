//! What two operators sign.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Control, Terms};
use crate::audit::{Details, Hash, MOST_SETTING, Note, NoteError, Signer, fields, is_key_name, sha256};

/// The first line of an approval's text.
const TITLE: &str = "tonegate control approval 1";

/// The lines after it.
const FIELDS: [&str; 8] = ["node", "control", "action", "value", "from", "until", "id", "reason"];

/// Longest that an approval may hold.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Longest value and longest reason, in characters.
const LONGEST_TEXT: usize = MOST_SETTING;

/// What is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Another measure for a time; then the one before holds again.
    Weaken,
    /// Another measure for good, if the gateway is started with it in this time.
    Adopt,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Weaken => "weaken",
            Self::Adopt => "adopt",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Weaken, Self::Adopt].into_iter().find(|action| action.name() == name)
    }
}

/// A statement about one control of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The gateway, `audit.node`.
    pub node: String,
    /// The control.
    pub control: Control,
    /// What is approved of it.
    pub action: Action,
    /// The measure: of `log.level` the filter, of the others what is configured.
    pub value: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// A fresh id: an approval is used once.
    pub id: Uuid,
    /// Why, in the operators' words.
    pub reason: String,
}

/// Why a text is no approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no signed note, or not the text of an approval.
    #[error("it is not a signed approval")]
    Malformed,
    /// A signature is not by the key that it names.
    #[error("a signature does not hold: the text was changed after it was signed")]
    BadSignature,
    /// It is for another gateway.
    #[error("it is for another gateway than this one (audit.node)")]
    OtherNode,
    /// One operator is not enough.
    #[error("one operator has signed, and two must")]
    OneSignature,
    /// One operator signed twice.
    #[error("one key has signed more than once, and two keys must")]
    SameKey,
    /// Not two enrolled operators signed.
    #[error("it is not signed by two keys of control.operators")]
    NotEnrolled,
    /// The control does not know the action.
    #[error("this control cannot be changed in this way")]
    NotAllowed,
    /// It holds for too long, or for no time.
    #[error("it must hold for some time, and for at most 24 hours")]
    TooLong,
    /// Its time is to come.
    #[error("its time has not come")]
    NotYet,
    /// Its time is over.
    #[error("its time is over")]
    Expired,
    /// It was used before.
    #[error("it was used before")]
    Replayed,
    /// Another one holds.
    #[error("another approval of this control is in force")]
    InForce,
}

impl Refusal {
    /// Its name in the audit chain.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::OtherNode => "other_node",
            Self::OneSignature => "one_signature",
            Self::SameKey => "same_key",
            Self::NotEnrolled => "not_enrolled",
            Self::NotAllowed => "not_allowed",
            Self::TooLong => "too_long",
            Self::NotYet => "not_yet",
            Self::Expired => "expired",
            Self::Replayed => "replayed",
            Self::InForce => "in_force",
        }
    }
}

/// An approval, and whose signatures it bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What they approve.
    pub approval: Approval,
    /// The hash of the whole text.
    pub text: Hash,
    /// The names of two operators.
    pub operators: [String; 2],
}

impl Accepted {
    /// What the chain says of it.
    pub(super) fn details(&self) -> Details {
        let Approval { control, action, value, from, until, id, reason, .. } = &self.approval;
        let [one, other] = &self.operators;
        Details::new()
            .text("control", control.name())
            .text("action", action.name())
            .setting("value", value)
            .time("from", *from)
            .time("until", *until)
            .id("id", *id)
            .text("reason", reason)
            .text("operator_1", one)
            .text("operator_2", other)
            .hash("approval", &self.text)
    }
}

impl Approval {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let values = [
            self.node.clone(),
            self.control.name().to_owned(),
            self.action.name().to_owned(),
            self.value.clone(),
            self.from.to_string(),
            self.until.to_string(),
            self.id.to_string(),
            self.reason.clone(),
        ];
        let lines = FIELDS.iter().zip(values).map(|(name, value)| format!("{name} {value}\n"));
        std::iter::once(format!("{TITLE}\n")).chain(lines).collect()
    }

    /// Reads the text of an approval: exactly what [`Approval::text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let [node, control, action, value, from, until, id, reason] = fields(text, TITLE, FIELDS)?;
        let is_short = value.chars().count() <= LONGEST_TEXT && reason.chars().count() <= LONGEST_TEXT;
        let approval = Self {
            node: Some(node).filter(|node| is_key_name(node) && is_short)?.to_owned(),
            control: Control::named(control)?,
            action: Action::named(action)?,
            value: value.to_owned(),
            from: from.parse().ok()?,
            until: until.parse().ok()?,
            id: id.parse().ok()?,
            reason: reason.to_owned(),
        };
        (approval.text() == text).then_some(approval)
    }

    /// The text with its empty line, to be signed; or what others have signed, with one more signature.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] where it is not an approval, [`Refusal::SameKey`] where this key has signed it.
    pub fn sign(text: &str, signer: &Signer) -> Result<String, Refusal> {
        let unsigned = text.strip_suffix('\n').filter(|unsigned| Self::parse(unsigned).is_some());
        if let Some(unsigned) = unsigned {
            return Ok(signer.note(unsigned));
        }
        let note = Note::parse(text).map_err(|_| Refusal::Malformed)?;
        Self::parse(note.text).ok_or(Refusal::Malformed)?;
        let own = [signer.verifier().clone()];
        if !note.signers(&own).map_err(|_| Refusal::BadSignature)?.is_empty() {
            return Err(Refusal::SameKey);
        }
        Ok(format!("{text}{}", signer.line(note.text)))
    }

    /// The id of a signed text, whoever signed it.
    pub(super) fn id_of(text: &str) -> Option<Uuid> {
        Note::parse(text).ok().and_then(|note| Self::parse(note.text)).map(|approval| approval.id)
    }

    /// Whether a text is an approval that holds now.
    ///
    /// # Errors
    /// Why it is none.
    pub fn accept(text: &str, terms: &Terms, now: Timestamp) -> Result<Accepted, Refusal> {
        let note = Note::parse(text).map_err(|_| Refusal::Malformed)?;
        let approval = Self::parse(note.text).ok_or(Refusal::Malformed)?;
        let signers = note.signers(&terms.operators).map_err(|error| match error {
            NoteError::BadSignature => Refusal::BadSignature,
            NoteError::Malformed | NoteError::UnknownKey => Refusal::Malformed,
        })?;
        let [one, other] = match signers.as_slice() {
            [one, other, ..] => [one, other].map(|key| key.name().to_owned()),
            [_] if note.signatures() == 1 => return Err(Refusal::OneSignature),
            [_] if note.distinct() == 1 => return Err(Refusal::SameKey),
            [] | [_] => return Err(Refusal::NotEnrolled),
        };
        approval.holds(terms, now)?;
        Ok(Accepted { approval, text: sha256(text.as_bytes()), operators: [one, other] })
    }

    fn holds(&self, terms: &Terms, now: Timestamp) -> Result<(), Refusal> {
        let length = self.until.duration_since(self.from);
        if self.node != terms.node {
            Err(Refusal::OtherNode)
        } else if !self.control.allows(self.action) {
            Err(Refusal::NotAllowed)
        } else if length <= SignedDuration::ZERO || length > LONGEST {
            Err(Refusal::TooLong)
        } else if now < self.from {
            Err(Refusal::NotYet)
        } else if now >= self.until {
            Err(Refusal::Expired)
        } else {
            Ok(())
        }
    }
}
