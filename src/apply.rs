//! `sallyport apply`: a TOML file of tenants, servers, people and clients becomes rows, in one transaction.
//!
//! ```text
//! text → Document       read::*: everything that is wrong with it at once; secrets out of files and variables
//!      → State          what is there now, read in the transaction that will change it
//!      → Plan           diff::*: what differs, in words, without secrets
//!      → rows           write: with their audit events; authority that is taken away goes to the authority log last
//! ```
//!
//! What the file does not name stays as it is. With [`Prune`] what `apply` itself made, and nothing else, is removed.

mod diff;
mod document;
pub mod edit;
mod facts;
mod plan;
mod problem;
mod proposal;
mod published;
mod read;
mod state;
mod step;
pub mod tenant;
mod write;

pub use document::{
    ClientDoc, Document, PasswordDoc, PersonDoc, PolicyDoc, ProviderDoc, ROLES, SecretDoc, ServerDoc, TenantDoc,
};
pub use plan::{Action, Change, Field, Kind, Plan};
pub use problem::{Mistakes, Problem};
pub use proposal::proposal;
pub use read::ReadContext;

use diff::TenantSteps;
use state::State;

use crate::{
    audit::Recorder,
    cluster::{self, Entry, Ticket},
    ids::TenantId,
    keys::{Keyring, SigningError},
    people::{BadPassword, HashError, PasswordHasher, PersonError},
    secret::NoEntropy,
    store::{self, PlatformTx, Store, StoreError, TenantTx},
};
use time::OffsetDateTime;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The document is wrong, or does not fit what is there.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// Two servers exchange their audiences, or one takes over what another gives up.
    #[error(
        "two servers would have the same audience for a moment; give the one that gives it up another audience first, \
         and run apply again. Nothing was changed"
    )]
    AudienceTaken,
    /// Somebody else was quicker.
    #[error("{0} was changed by somebody else since the plan was made; run apply again. Nothing was changed")]
    ChangedMeanwhile(String),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed or compared.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A password cannot be one.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// A person could not be made.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// A signing key could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// What may be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prune {
    /// Nothing.
    #[default]
    Nothing,
    /// Servers, people and clients that `apply` made, in the tenants that the document names.
    Objects,
    /// Those, and tenants that `apply` made and the document does not name.
    ObjectsAndTenants,
}

impl Prune {
    fn objects(self) -> bool {
        self != Self::Nothing
    }
}

/// What applying needs.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// The database.
    pub store: &'a Store,
    /// For signing keys of new tenants, and secrets of clients.
    pub keyring: &'a Keyring,
    /// For passwords.
    pub hasher: &'a PasswordHasher,
    /// Who writes, and when.
    pub recorder: &'a Recorder,
}

/// A plan, and the transaction in which it was made. Dropped, it changes nothing.
pub struct Prepared<'a> {
    tools: Tools<'a>,
    tx: PlatformTx,
    tenants: Vec<TenantSteps>,
    plan: Plan,
    /// Whether what it makes is for a file of `apply` to take away again.
    marks: bool,
}

/// Reads what is there and finds out what is to be done. Writes nothing.
///
/// # Errors
/// Everything in the document that does not fit, or a fault of ours.
pub async fn prepare<'a>(tools: Tools<'a>, document: &Document, prune: Prune) -> Result<Prepared<'a>, ApplyError> {
    let mut tx = tools.store.platform_tx().await?;
    store::apply::lock(&mut tx).await?;
    let rows = store::apply::tenants(&mut tx).await?;
    let mut problems = Vec::new();
    let mut tenants = Vec::new();
    for doc in &document.tenants {
        let mut state = None;
        if let Some(row) = rows.iter().find(|row| row.slug == doc.slug.as_str()) {
            if row.platform {
                let message =
                    "is the place of the platform's administrators, which no file describes: choose another slug";
                let object = format!("tenant {}", doc.slug);
                problems.push(Problem { line: doc.line, object, message: message.to_owned() });
                continue;
            }
            let (back, read) = State::read(tx, row.clone(), Some(doc)).await?;
            (tx, state) = (back, Some(read));
        }
        tenants.push(diff::tenant(tools, doc, state.as_ref(), prune, &mut problems).await?);
    }
    if prune == Prune::ObjectsAndTenants {
        for row in rows {
            let (back, state) = State::read(tx, row, None).await?;
            tx = back;
            tenants.extend(diff::gone(&state, document));
        }
    }
    if !problems.is_empty() {
        return Err(Mistakes::of(&document.file, problems).into());
    }
    let changes = tenants.iter().flat_map(|tenant| &tenant.steps).map(|step| step.change.clone()).collect();
    let unchanged = tenants.iter().map(|tenant| tenant.unchanged).sum();
    let notes = tenants.iter().flat_map(|tenant| tenant.notes.clone()).collect();
    Ok(Prepared { tools, tx, tenants, plan: Plan { changes, unchanged, notes }, marks: true })
}

impl Prepared<'_> {
    /// What is to be done.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The transaction, for what is to be there with it or not at all.
    pub(crate) fn tx(&mut self) -> &mut PlatformTx {
        &mut self.tx
    }

    /// What it makes is nothing that a file of `apply` takes away again: somebody made it by hand.
    #[must_use]
    pub(crate) fn unmarked(self) -> Self {
        Self { marks: false, ..self }
    }

    /// Does it: all of it, or nothing. A ticket says that authority was taken away, or that nodes must read tenants anew:
    /// settle it before saying that it is done.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn commit(self) -> Result<Option<Ticket>, ApplyError> {
        if self.plan.is_empty() {
            return Ok(None);
        }
        self.write().await?.commit().await
    }

    /// Writes it. Nothing of it is there before it is committed: more can be written with it.
    ///
    /// # Errors
    /// Nothing was changed.
    pub(crate) async fn write(self) -> Result<Written, ApplyError> {
        write::write(self.tools, self.tx, self.tenants, self.marks).await
    }
}

/// A plan that is written and not committed. Dropped, it changes nothing.
pub(crate) struct Written {
    tx: PlatformTx,
    /// The tenants of the plan, as the document names them.
    pub(crate) tenants: Vec<TenantId>,
    taken: Vec<(TenantId, Entry)>,
    now: OffsetDateTime,
}

impl Written {
    /// Goes into a tenant, to write more there.
    pub(crate) async fn within<T, E: From<StoreError>>(
        self,
        tenant: TenantId,
        more: impl AsyncFnOnce(&mut TenantTx) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let mut tx = self.tx.enter(tenant).await?;
        let made = more(&mut tx).await?;
        let tx = tx.leave().await?;
        Ok((Self { tx, ..self }, made))
    }

    /// Commits it. A ticket is to be settled, as one of [`Prepared::commit`].
    pub(crate) async fn commit(mut self) -> Result<Option<Ticket>, ApplyError> {
        let ticket = cluster::take_all(&mut self.tx, &self.taken, self.now).await?;
        self.tx.commit().await?;
        Ok(ticket)
    }
}

/// [`prepare`] and [`Prepared::commit`] in one: for a document that was made in code.
///
/// # Errors
/// Nothing was changed.
pub async fn run(tools: Tools<'_>, document: &Document, prune: Prune) -> Result<(Plan, Option<Ticket>), ApplyError> {
    let prepared = prepare(tools, document, prune).await?;
    let plan = prepared.plan().clone();
    Ok((plan, prepared.commit().await?))
}
