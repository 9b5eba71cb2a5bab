//! What `apply` is about to do, in words. Holds no secret.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::http::pages::display_text;
pub use crate::store::apply::Kind;

/// The longest value shown in a line.
const SHOWN: usize = 100;

/// All changes, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What changes.
    pub changes: Vec<Change>,
    /// How many objects of the file are as they should be.
    pub unchanged: usize,
    /// What somebody who reads the plan may not expect.
    pub notes: Vec<String>,
}

/// What happens to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens.
    pub action: Action,
    /// To what kind of object.
    #[serde(serialize_with = "kind_name")]
    pub kind: Kind,
    /// The object: `acme`, `acme/github`.
    pub name: String,
    /// What becomes different.
    pub fields: Vec<Field>,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It comes into being, or back.
    Create,
    /// It becomes different.
    Change,
    /// It stops working and stays.
    Disable,
    /// It works again.
    Enable,
    /// It is gone for everybody.
    Remove,
}

/// One difference. Secrets are shown as "set" and "changed".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it was.
    pub old: Option<String>,
    /// What it becomes.
    pub new: Option<String>,
}

fn kind_name<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

// === impl Action ===

impl Action {
    const ALL: [Self; 5] = [Self::Create, Self::Change, Self::Disable, Self::Enable, Self::Remove];

    const fn sign(self) -> char {
        match self {
            Self::Create | Self::Enable => '+',
            Self::Change => '~',
            Self::Disable | Self::Remove => '-',
        }
    }

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Remove => "remove",
        }
    }
}

// === impl Plan ===

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// `2 to create, 1 to change; 4 stay as they are`
    pub fn summary(&self) -> String {
        let count = |action: Action| self.changes.iter().filter(|change| change.action == action).count();
        let parts = Action::ALL.into_iter().map(|action| (count(action), action)).filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, action)| format!("{count} to {}", action.word())).collect();
        let rest = match self.unchanged {
            1 => "1 stays as it is".to_owned(),
            n => format!("{n} stay as they are"),
        };
        if parts.is_empty() { format!("nothing to do; {rest}") } else { format!("{}; {rest}", parts.join(", ")) }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.changes.iter().map(|change| change.kind.name().len() + 1 + change.name.chars().count()).max();
        let width = width.unwrap_or(0);
        for change in &self.changes {
            let object = format!("{} {}", change.kind.name(), change.name);
            writeln!(f, "{} {object:width$}  {}", change.action.sign(), change.action.word())?;
            write_fields(f, change)?;
        }
        if !self.is_empty() {
            writeln!(f)?;
        }
        f.write_str(&self.summary())?;
        self.notes.iter().try_for_each(|note| write!(f, "\nnote: {note}"))
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    let width = change.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    for Field { name, old, new } in &change.fields {
        let shown = |value: &Option<String>| value.as_deref().map(|value| display_text(value, SHOWN));
        let value = match (shown(old), shown(new)) {
            (None, Some(new)) if change.action == Action::Create => new,
            (old, new) => format!("{} → {}", old.as_deref().unwrap_or("nothing"), new.as_deref().unwrap_or("nothing")),
        };
        writeln!(f, "    {name:width$}  {value}")?;
    }
    Ok(())
}
