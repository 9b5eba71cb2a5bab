//! What the first entry of an epoch after the first says: where the log before it ended.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Checkpoint, Hash, Origin};
use crate::store::audit::EventRow;

/// The kind of the first entry of an epoch after the first.
const KIND: &str = "log.restarted";

/// The last checkpoint of the log before that was known.
#[derive(Clone, Debug, PartialEq)]
pub struct Restarted {
    /// What it is over.
    pub checkpoint: Checkpoint,
    /// The signed note, where it was known.
    pub note: Option<String>,
}

impl Restarted {
    /// Reads it from an event. None: the event says no such thing, or contradicts itself.
    pub fn of(event: &EventRow) -> Option<Self> {
        let text = |name: &str| event.body.get(name)?.as_str();
        let size = event.body.get("size")?.as_u64()?;
        let root: [u8; 32] = STANDARD.decode(text("root")?).ok()?.try_into().ok()?;
        let checkpoint = Checkpoint { origin: Origin::parse(text("origin")?)?, size, root: Hash(root) };
        let note = match event.body.get("checkpoint") {
            None | Some(Value::Null) => None,
            Some(Value::String(note)) => Some(note.clone()),
            Some(_) => return None,
        };
        let agrees = note.as_ref().is_none_or(|note| Checkpoint::unverified(note).is_ok_and(|said| said == checkpoint));
        (event.kind == KIND && agrees).then_some(Self { checkpoint, note })
    }
}
