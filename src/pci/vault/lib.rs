//! The card vault: entry, sealed memory and the link to the processor.
