//! One change: its words for people, and its rows.

use super::{
    document::OwnGrant,
    facts::Facts,
    plan::{Action, Change, Field, Kind},
    published::Published,
};
use crate::{
    clients::Client,
    people::{Password, PasswordHash},
    store::{people::PersonRow, providers::ProviderRow, tenants::TenantRow},
};

/// One change.
pub(super) struct Step {
    pub(super) change: Change,
    pub(super) write: Write,
}

/// The rows of one change.
pub(super) enum Write {
    /// A tenant that exists. A new one is made before its steps.
    Tenant(TenantRow),
    Server(Box<Published>),
    Person(Box<PersonWrite>),
    Client(Box<ClientWrite>),
    Provider(Box<ProviderWrite>),
    Remove(Removed),
}

/// Something to remove.
pub(super) enum Removed {
    Tenant(TenantRow),
    Server(Box<Published>),
    Person(PersonRow),
    Client(Box<Client>),
    Provider(Box<ProviderRow>),
}

/// A person's row, and what it does not say.
pub(super) struct PersonWrite {
    pub(super) row: PersonRow,
    /// The row as the plan found it; None for somebody new.
    pub(super) old: Option<PersonRow>,
    /// None: it stays as it is.
    pub(super) password: Option<NewPassword>,
    /// Whether something is taken away: a role, or all.
    pub(super) loses: bool,
}

/// A client's row, and all that it may do for itself.
pub(super) struct ClientWrite {
    pub(super) client: Client,
    pub(super) own: Vec<OwnGrant>,
}

/// An identity provider's row.
pub(super) struct ProviderWrite {
    pub(super) row: ProviderRow,
    pub(super) is_new: bool,
}

/// A password to set. Hashing waits until it is certain that it will be set.
pub(super) enum NewPassword {
    Clear(Password),
    Hash(PasswordHash),
}

/// What is compared of an object.
pub(super) struct Compared<'a> {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// None: it is new.
    pub(super) old: Option<&'a Facts>,
    pub(super) new: &'a Facts,
    /// Differences that are no facts: secrets.
    pub(super) secrets: Vec<Field>,
}

impl Compared<'_> {
    /// The change, or None where the object is as it should be.
    pub(super) fn change(self) -> Option<Change> {
        let nothing = Facts::default();
        let mut fields = Facts::differences(self.old.unwrap_or(&nothing), self.new);
        fields.extend(self.secrets);
        if self.old.is_some() && fields.is_empty() {
            return None;
        }
        let enabled = fields.iter().find(|field| field.name == "enabled").and_then(|field| field.new.clone());
        let action = match (self.old, enabled.as_deref()) {
            (None, _) => Action::Create,
            (Some(_), Some("no")) => Action::Disable,
            (Some(_), Some(_)) => Action::Enable,
            (Some(_), None) => Action::Change,
        };
        // The word for the action says it already.
        fields.retain(|field| field.name != "enabled" || action == Action::Create && enabled.as_deref() == Some("no"));
        Some(Change { action, kind: self.kind, name: self.name, fields })
    }
}

/// The change that removes an object.
pub(super) fn removal(kind: Kind, name: String) -> Change {
    Change { action: Action::Remove, kind, name, fields: Vec::new() }
}

/// A secret that becomes another one. Never what it was or is.
pub(super) fn secret_field(name: &str, was_set: bool) -> Field {
    let new = if was_set { "changed" } else { "set" };
    Field { name: name.to_owned(), old: was_set.then(|| "set".to_owned()), new: Some(new.to_owned()) }
}
