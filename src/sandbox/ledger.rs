//! Outcomes by payment, durable before they are told: one line each, appended and synchronised. No card is in it.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use uuid::Uuid;

/// What was decided for a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payment {
    pub(super) id: Uuid,
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) brand: String,
    pub(super) last_four: String,
    pub(super) decision: Decision,
}

/// How it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approved { token: String, authorisation: String },
    Refunded { token: String, authorisation: String },
    Declined { reason: String },
}

impl Payment {
    /// The payment as a form: an answer's body and, with a line feed, a line of the ledger.
    pub(super) fn to_form(&self) -> String {
        let Self { id, amount, currency, brand, last_four, decision } = self;
        let payment = format!("id={id}&amount={amount}&currency={currency}&brand={brand}&last_four={last_four}");
        match decision {
            Decision::Approved { token, authorisation } => {
                format!("status=approved&{payment}&token={token}&authorisation={authorisation}")
            }
            Decision::Refunded { token, authorisation } => {
                format!("status=refunded&{payment}&token={token}&authorisation={authorisation}")
            }
            Decision::Declined { reason } => format!("status=declined&{payment}&reason={reason}"),
        }
    }

    fn from_form(line: &str) -> Option<Self> {
        let fields: HashMap<&str, &str> = line.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let text = |name: &str| fields.get(name).map(|&value| value.to_owned());
        let decision = match *fields.get("status")? {
            "approved" => Decision::Approved { token: text("token")?, authorisation: text("authorisation")? },
            "refunded" => Decision::Refunded { token: text("token")?, authorisation: text("authorisation")? },
            "declined" => Decision::Declined { reason: text("reason")? },
            _ => return None,
        };
        Some(Self {
            id: fields.get("id")?.parse().ok()?,
            amount: fields.get("amount")?.parse().ok()?,
            currency: text("currency")?,
            brand: text("brand")?,
            last_four: text("last_four")?,
            decision,
        })
    }

    /// Whether both are the same payment, however they were decided.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.amount, &self.currency, &self.brand, &self.last_four)
            == (other.amount, &other.currency, &other.brand, &other.last_four)
    }
}

/// Every payment decided so far.
pub(super) struct Ledger {
    payments: HashMap<Uuid, Payment>,
    file: Option<File>,
}

impl Ledger {
    /// A ledger that is forgotten with the process.
    pub(super) fn in_memory() -> Self {
        Self { payments: HashMap::new(), file: None }
    }

    /// Reads the ledger of an earlier process, or begins one. A last line that a crash cut short is dropped: its outcome
    /// was never told.
    ///
    /// # Errors
    /// The file cannot be read or written, or a whole line in it is no payment.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let mut payments = HashMap::new();
        for (number, line) in text[..whole].lines().enumerate() {
            let payment = Payment::from_form(line).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, format!("line {} is no payment", number + 1))
            })?;
            payments.insert(payment.id, payment);
        }
        Ok(Self { payments, file: Some(file) })
    }

    /// The payment of this id.
    pub(super) fn find(&self, id: Uuid) -> Option<&Payment> {
        self.payments.get(&id)
    }

    /// A payment that was made with what this token names.
    pub(super) fn made_with(&self, token: &str) -> Option<&Payment> {
        self.payments.values().find(|payment| match &payment.decision {
            Decision::Approved { token: made, .. } | Decision::Refunded { token: made, .. } => made == token,
            Decision::Declined { .. } => false,
        })
    }

    /// Records a payment, durably when this returns.
    ///
    /// # Errors
    /// The file cannot be written; the payment then has no outcome.
    pub(super) fn record(&mut self, payment: Payment) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(format!("{}\n", payment.to_form()).as_bytes())?;
            file.sync_data()?;
        }
        self.payments.insert(payment.id, payment);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(decision: Decision) -> Payment {
        let (currency, brand, last_four) = ("USD".to_owned(), "visa".to_owned(), "4242".to_owned());
        Payment { id: Uuid::from_u128(7), amount: 4_200, currency, brand, last_four, decision }
    }

    #[test]
    fn a_restart_still_answers_and_a_torn_line_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let approved = Decision::Approved { token: "tok_a".to_owned(), authorisation: "A1B2C3".to_owned() };
        let (first, second) = (payment(approved), payment(Decision::Declined { reason: "declined".to_owned() }));
        let second = Payment { id: Uuid::from_u128(8), ..second };
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.record(first.clone()).unwrap();
        ledger.record(second.clone()).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"status=appr").unwrap();

        let mut again = Ledger::open(&path).unwrap();
        assert_eq!((again.find(first.id), again.find(second.id)), (Some(&first), Some(&second)));
        again.record(Payment { id: Uuid::from_u128(9), ..first }).unwrap();
        assert!(Ledger::open(&path).unwrap().find(Uuid::from_u128(9)).is_some());
    }

    #[test]
    fn a_whole_line_that_is_no_payment_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        std::fs::write(&path, "nonsense\n").unwrap();
        let error = Ledger::open(&path).err().unwrap();
        assert_eq!(error.to_string(), "line 1 is no payment");
    }
}
