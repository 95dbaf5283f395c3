//! The list of rendered prompts, by which anyone who holds the directory can tell what a sound says.

use serde::{Deserialize, Serialize};

/// The list's file name.
pub(super) const FILE: &str = "manifest.jsonl";

/// How long a prompt is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// In every call.
    Fixed,
    /// In one call: it holds names, dates or amounts.
    Call,
}

/// One line of the list: one rendering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The phrase's stable name.
    pub name: String,
    /// Whether it holds data of a call.
    pub kind: PromptKind,
    /// SHA-256 of the text, in hexadecimal.
    pub text_hash: String,
    /// SHA-256 of the samples as little-endian bytes, in hexadecimal.
    pub pcm_hash: String,
    /// The WAV file, relative to the directory of the list.
    pub file: String,
    /// Its length in samples at 8 kHz.
    pub samples: usize,
    /// What it says; only of fixed prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
