//! Who causes an event beside those that it is about, and what exactly was changed.

use serde::Serialize;

use super::Personal;
use crate::ids::{ApiTokenId, PersonId};

/// Who did what an administrator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// An operator's command.
    Command {
        /// The command.
        command: &'static str,
    },
    /// Somebody who is logged in.
    Person {
        /// Who.
        person: PersonId,
    },
    /// An administrator of the platform, who is no person of this tenant.
    Platform {
        /// Who, in the place of the platform's administrators.
        administrator: PersonId,
        /// The token of the admin API by which they did it, if it was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<ApiTokenId>,
    },
    /// Somebody whose program holds a token of the admin API.
    ApiToken {
        /// Which.
        token: ApiTokenId,
        /// Who.
        person: PersonId,
    },
}

/// One field of an object, before and after.
#[derive(Clone, Debug, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub name: String,
    /// What it was; nothing where it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Shown>,
    /// What it is now; nothing where it is not set any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Shown>,
}

/// A value as an event has it. Never a secret: of these it says "set" or "changed".
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// The value.
    Text(String),
    /// A commitment to it.
    Personal(Personal),
}

impl FieldChange {
    /// What is personal in it.
    pub(super) fn personal(&self) -> impl Iterator<Item = &Personal> {
        [&self.old, &self.new].into_iter().filter_map(|value| match value {
            Some(Shown::Personal(personal)) => Some(personal),
            Some(Shown::Text(_)) | None => None,
        })
    }
}
