//! The conversation: disclosures, verification, negotiation and the scripted collector.
