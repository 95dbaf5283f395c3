//! What the audit chain says of controls: the measures that were accepted, and the approvals that were used.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::Control;
use crate::audit::{Hash, Kind, from_hex, read};

/// What earlier runs have written.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The accepted measure of each control.
    accepted: BTreeMap<Control, String>,
    /// Approvals that are used up.
    pub(super) over: HashSet<Uuid>,
    /// Approvals that were in force when the chain ends, with the text by which and their end.
    pub(super) unfinished: HashMap<Uuid, (Control, Hash, Timestamp)>,
}

impl History {
    /// Reads the records about controls, in order.
    #[must_use]
    pub fn read(records: &[String]) -> Self {
        let mut history = Self::default();
        for (kind, details) in records.iter().filter_map(|record| read(record)) {
            let control = details.text_of("control").and_then(Control::named);
            let (Some(control), id) = (control, details.uuid("id")) else { continue };
            match (kind, id) {
                (Kind::ControlAdopted, id) => {
                    let value = details.text_of("value").unwrap_or_default();
                    history.accepted.insert(control, value.to_owned());
                    history.over.extend(id);
                }
                (Kind::ControlWeakened, Some(id)) => {
                    let text = details.text_of("approval").and_then(from_hex).unwrap_or_default();
                    let until = details.moment("until").unwrap_or_default();
                    history.unfinished.insert(id, (control, text, until));
                }
                (Kind::ControlRestored, Some(id)) => {
                    history.unfinished.remove(&id);
                    history.over.insert(id);
                }
                // Nothing else is written of controls.
                _ => {}
            }
        }
        history
    }

    /// The accepted measure of a control.
    #[must_use]
    pub fn accepted(&self, control: Control) -> Option<&str> {
        self.accepted.get(&control).map(String::as_str)
    }
}
