//! A client as it is stored.

use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::metadata::{AuthMethod, Metadata};
use crate::{
    ids::{ClientId, TenantId},
    keys::{Keyring, Stored},
    secret::Handle,
};

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It registered itself (RFC 7591).
    Registered,
    /// An administrator wrote it down.
    Configured,
    /// Its id is the address of a document that describes it.
    Document,
    /// An issuer outside knows it, and a token of that issuer named it. Here it gets nothing.
    Outside,
}

/// Whether a client may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// Not before an administrator has allowed it.
    Pending,
    /// An administrator stopped it.
    Disabled,
    /// It is gone; its id is never given again.
    Removed,
}

/// A client of one tenant.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// Where it comes from.
    pub origin: Origin,
    /// What is registered of it.
    pub metadata: Metadata,
    /// Whether it may do anything.
    pub status: Status,
    /// What is kept of its secret. There is one exactly if its registered method has one.
    pub secret: Option<Stored>,
    /// What is kept of its registration access token.
    pub registration: Option<Stored>,
    /// When it came.
    pub created_at: OffsetDateTime,
    /// When it last authenticated, to the hour.
    pub last_used_at: Option<OffsetDateTime>,
}

// === impl Origin ===

impl Origin {
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Configured => "configured",
            Self::Document => "document",
            Self::Outside => "outside",
        }
    }

    /// Reads the word in the database.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Registered, Self::Configured, Self::Document, Self::Outside];
        all.into_iter().find(|origin| origin.name() == text)
    }
}

// === impl Status ===

impl Status {
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }

    /// Reads the word in the database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Pending, Self::Disabled, Self::Removed].into_iter().find(|status| status.name() == text)
    }
}

// === impl Client ===

impl Client {
    /// Its name for people: its own claim.
    pub fn name(&self) -> &str {
        self.metadata.name()
    }

    /// Whether it may do anything as a client of ours.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active && self.is_ours()
    }

    /// Whether it gets anything here. Those of outside issuers get it there.
    pub fn is_ours(&self) -> bool {
        self.origin != Origin::Outside
    }

    /// Whether it proves itself, with a secret or a signature.
    pub fn is_confidential(&self) -> bool {
        self.metadata.token_endpoint_auth_method != AuthMethod::None
    }
}

/// Whether a presented handle is the stored one. The work depends on neither: without a stored hash it is compared with
/// one that nothing hashes to.
pub(super) fn is_stored(keyring: &Keyring, tenant: TenantId, stored: Option<&Stored>, presented: &Handle) -> bool {
    let expected = stored.map_or([0; 32], |stored| stored.hash);
    let hashes = keyring.lookup(tenant, presented);
    let equal = hashes.iter().fold(subtle::Choice::from(0), |equal, hash| equal | hash.ct_eq(&expected));
    bool::from(equal) && stored.is_some()
}
