//! An entry of the outbox, what goes together, what becomes of it, and how many there are.

use book::Record;
use jiff::Timestamp;

/// A record waiting for the account book.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// Its number; records of one account go in this order.
    pub entry: i64,
    /// Its account, or its call where there is none; flags have a lane of their own beside. Of a lane one thing goes after another.
    pub lane: String,
    /// How often it was tried.
    pub tries: u32,
    /// How often the book rejected it.
    pub rejections: u32,
    /// Whether it was sent, and what came of that is not known: the book may have it.
    pub is_unclear: bool,
    /// The record; `None` where the entry cannot be read, which no trying again will mend.
    pub record: Option<Record>,
}

/// Entries of one lane that go to the account book together.
#[derive(Clone, Debug)]
pub enum OutboxBatch {
    /// What forbids further talk: it goes at once.
    Flags(Box<OutboxEntry>),
    /// Records of one call that is over, in order.
    Call {
        /// The records.
        entries: Vec<OutboxEntry>,
        /// Whether a later call of the account may be delivered: that is so, or is no longer known.
        is_superseded: bool,
    },
}

impl OutboxBatch {
    /// What is in it.
    #[must_use]
    pub fn entries(&self) -> &[OutboxEntry] {
        match self {
            Self::Flags(entry) => std::slice::from_ref(entry),
            Self::Call { entries, .. } => entries,
        }
    }

    /// Its lane.
    #[must_use]
    pub fn lane(&self) -> String {
        self.entries().first().map(|entry| entry.lane.clone()).unwrap_or_default()
    }
}

/// What became of an entry of the outbox.
#[derive(Clone, Copy, Debug)]
pub enum OutboxChange {
    /// It is about to be sent: from now on the book may have it.
    Sending {
        /// The entry.
        entry: i64,
    },
    /// The book has it.
    Delivered {
        /// The entry.
        entry: i64,
        /// When.
        at: Timestamp,
    },
    /// The book has it, and there is no room to remember that.
    Done {
        /// The entry.
        entry: i64,
    },
    /// The book has these flags, and gets them once more with the other records of their call.
    WithCall {
        /// The entry.
        entry: i64,
    },
    /// It will be tried again.
    Retry {
        /// The entry.
        entry: i64,
        /// How often it was tried so far.
        tries: u32,
        /// How often of these it was rejected.
        rejections: u32,
        /// When it may be tried again.
        at: Timestamp,
        /// Whether the book may have it.
        is_unclear: bool,
        /// Why the book has it not, by its name.
        failure: &'static str,
    },
    /// A person must look at it.
    Park {
        /// The entry.
        entry: i64,
        /// How often it was tried.
        tries: u32,
        /// When it was given up.
        at: Timestamp,
        /// Why, by its name.
        failure: &'static str,
    },
    /// A person has looked at it, and wants it tried again.
    Replay {
        /// The entry, which must be parked.
        entry: i64,
    },
}

impl OutboxChange {
    /// The same where the volume is full.
    #[must_use]
    pub const fn without_memory(self) -> Self {
        match self {
            Self::Delivered { entry, .. } => Self::Done { entry },
            Self::Sending { .. }
            | Self::Done { .. }
            | Self::WithCall { .. }
            | Self::Retry { .. }
            | Self::Park { .. }
            | Self::Replay { .. } => self,
        }
    }
}

/// How full the outbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// Entries waiting.
    pub waiting: u64,
    /// Entries parked.
    pub parked: u64,
    /// When the oldest waiting entry was written.
    pub oldest: Option<Timestamp>,
    /// When the oldest waiting entry was written that must be kept of every call ([`book::RecordKind::is_mandatory`]).
    pub oldest_mandatory: Option<Timestamp>,
}

/// An entry that the account book refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The entry.
    pub entry: i64,
    /// The kind of its record, by its name.
    pub kind: String,
    /// The external id of its record; empty where it cannot be read.
    pub key: String,
    /// How often it was tried.
    pub tries: u32,
    /// Why it was given up, by its name.
    pub failure: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was given up.
    pub parked_at: Timestamp,
}
