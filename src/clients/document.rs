//! Client ID Metadata Documents: a `client_id` that is the address of a document, which says what a registration would.
//!
//! Nobody registers: whoever controls the address is the client. The document is fetched before any transaction, by the dialer for
//! untrusted addresses, and what it says goes through the same checks as a registration and into the same table. It is read anew
//! where a client begins, in a browser or at a device, when it is not fresh any more; the token endpoint goes by what was read then.

mod keys;
mod read;

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
pub use keys::RemoteKeys;
pub use read::BadDocument;
use time::Duration;
use url::Url;

use super::{Client, Origin, Status, metadata::Metadata, redirect::CustomSchemes, registration::known_scopes};
use crate::{
    app::App,
    audit::{Event, Recorder},
    cluster::{self, Entry},
    ids::ClientId,
    secret::hex,
    store::{self, StoreError, TenantTx},
    tenants::Tenant,
    upstream::{Asker, FetchError, Fetched},
};

/// The largest document, in bytes.
const MOST: usize = 5 * 1024;
/// Changes of one client in a day, as of a registration.
const CHANGES: i32 = 20;

/// Why a client cannot be known by its document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The tenant does not take such clients, or not from there.
    #[error("this server does not take applications from {0}")]
    NotAllowed(String),
    /// The document did not come.
    #[error("its description at {host} could not be read: {error}")]
    Fetch {
        /// Where it should be.
        host: String,
        /// Why.
        error: FetchError,
    },
    /// It came, and cannot be used.
    #[error("its description at {host} cannot be used: {error}")]
    Bad {
        /// Where it is.
        host: String,
        /// Why.
        error: BadDocument,
    },
    /// Too many new clients came within a day, or this one has changed too often.
    #[error("too many new applications came to this server today, or this one has changed too often")]
    Quota,
    /// A fault of ours.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

impl DocumentError {
    /// The word in audit events; none for a fault of ours.
    pub const fn word(&self) -> Option<&'static str> {
        match self {
            Self::NotAllowed(_) => Some("document_not_allowed"),
            Self::Fetch { .. } => Some("document_not_read"),
            Self::Bad { .. } => Some("document_unusable"),
            Self::Quota => Some("quota"),
            Self::Fault(_) => None,
        }
    }
}

/// The client of a document, as the document has it now: read again where what is known is not fresh. A client that an
/// administrator stopped is given as it is.
///
/// # Errors
/// See [`DocumentError`].
pub async fn current(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    id: &ClientId,
    from: IpAddr,
) -> Result<Client, DocumentError> {
    let (address, host) = address(id)?;
    if !tenant.settings.metadata_documents.allows(&host) {
        return Err(DocumentError::NotAllowed(host));
    }
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let known = store::clients::find(&mut tx, id).await?;
    let fresh = store::documents::is_fresh(&mut tx, id, app.clock.now()).await?;
    let expired = store::documents::is_expired(&mut tx, id).await?;
    tx.commit().await?;
    let asker = if known.is_some() { Asker::Known } else { Asker::Stranger(from) };
    match known {
        Some(known) if fresh && known.is_active() => return Ok(known),
        // Stopped or removed by somebody: it stays so, whatever its document says.
        Some(known) if !known.is_active() && (known.status != Status::Removed || !expired) => return Ok(known),
        _ => {}
    }
    let fetched = app.untrusted.fetch(asker, tenant.id, &address, MOST).await;
    let fetched = fetched.map_err(|error| DocumentError::Fetch { host: host.clone(), error })?;
    let schemes = CustomSchemes::known_and(&tenant.settings.redirect_schemes);
    let read = read::document(id, &fetched.body, &schemes);
    let mut metadata = read.map_err(|error| DocumentError::Bad { host, error })?;
    let kept = metadata.keep_grants(&tenant.settings);
    kept.map_err(|error| DocumentError::Bad {
        host: address.host_str().unwrap_or_default().to_owned(),
        error: error.into(),
    })?;
    metadata.keep_scopes(&known_scopes(tenant));
    keep(app, recorder, tenant, id, metadata, &fetched).await
}

/// The address that an id is, and its host.
fn address(id: &ClientId) -> Result<(Url, String), DocumentError> {
    let corrupt = || StoreError::corrupt("a client_id that is no address");
    let address = Url::parse(id.as_str()).map_err(|_| corrupt())?;
    let host = address.host_str().ok_or_else(corrupt)?.to_owned();
    Ok((address, host))
}

/// Writes down what a document says. What it takes away is gone everywhere when this returns.
async fn keep(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    id: &ClientId,
    metadata: Metadata,
    fetched: &Fetched,
) -> Result<Client, DocumentError> {
    let now = app.clock.now();
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let known = store::clients::find_for_update(&mut tx, id).await?;
    let fresh = Client {
        id: id.clone(),
        origin: Origin::Document,
        metadata,
        status: Status::Active,
        secret: None,
        registration: None,
        created_at: known.as_ref().map_or(now, |known| known.created_at),
        last_used_at: known.as_ref().and_then(|known| known.last_used_at),
    };
    let written = Written { recorder, digest: hex(digest(&SHA256, &fetched.body).as_ref()) };
    let (client, ticket) = match known {
        None => match written.first(app, &mut tx, fresh).await? {
            Some(client) => (client, None),
            None => return Err(DocumentError::Quota),
        },
        Some(known) if !known.is_active() && !revives(&mut tx, &known).await? => (known, None),
        Some(known) if known.metadata == fresh.metadata && known.is_active() => (known, None),
        Some(_) => {
            // Each is an entry of the authority log, and a host can say something else each minute.
            if store::clients::count_change(&mut tx, id, now).await?.0 > CHANGES {
                return Err(DocumentError::Quota);
            }
            let ticket = written.again(&mut tx, &fresh).await?;
            (fresh, Some(ticket))
        }
    };
    let until = now + Duration::try_from(fetched.fresh).unwrap_or(Duration::MINUTE);
    store::documents::read(&mut tx, id, now, until).await?;
    tx.commit().await?;
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await?;
    }
    Ok(client)
}

/// Whether a client that is removed comes back with its document: nobody removed it, it had only not been used.
async fn revives(tx: &mut TenantTx, known: &Client) -> Result<bool, StoreError> {
    Ok(known.status == Status::Removed && store::documents::is_expired(tx, &known.id).await?)
}

struct Written<'a> {
    recorder: &'a Recorder,
    digest: String,
}

impl Written<'_> {
    /// The client is new. None: there are too many.
    async fn first(&self, app: &App, tx: &mut TenantTx, fresh: Client) -> Result<Option<Client>, StoreError> {
        // Registrations are counted in turns, and these with them: nobody else adds it now.
        let came = store::clients::registered_after(tx, fresh.created_at - Duration::DAY).await?;
        if let Some(known) = store::clients::find(tx, &fresh.id).await? {
            return Ok(Some(known));
        }
        if came.count >= i64::from(app.config.registration.per_tenant_per_day) {
            return Ok(None);
        }
        store::clients::insert(tx, &fresh).await?;
        self.event(tx, &fresh, 0).await?;
        Ok(Some(fresh))
    }

    /// It says something else than before.
    async fn again(&self, tx: &mut TenantTx, fresh: &Client) -> Result<cluster::Ticket, StoreError> {
        let now = self.recorder.clock.now();
        store::clients::update(tx, fresh).await?;
        let voided = store::clients::void_consents(tx, fresh, now).await?;
        self.event(tx, fresh, voided).await?;
        cluster::take(tx, &Entry::Client(fresh.id.clone()), now).await
    }

    async fn event(&self, tx: &mut TenantTx, client: &Client, consents_voided: u64) -> Result<(), StoreError> {
        let read = Event::ClientDocumentRead {
            client: client.id.clone(),
            digest: self.digest.clone(),
            redirect_uris: client.metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            auth_method: client.metadata.token_endpoint_auth_method.name().to_owned(),
            consents_voided,
        };
        self.recorder.record(tx, &read).await
    }
}

/// Fuzz target: a document at an address. See [`crate::fuzzing`].
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(data: &[u8]) {
    let Ok(id) = ClientId::parse("https://app.example/client.json") else { return };
    let Ok(metadata) = read::document(&id, data, &CustomSchemes::known_and(&[])) else { return };
    assert!(!metadata.token_endpoint_auth_method.has_secret(), "a secret that everybody knows");
    assert!(!metadata.grant_types.is_empty(), "it can begin with nothing");
    let again = serde_json::to_value(&metadata).ok().and_then(|value| serde_json::from_value::<Metadata>(value).ok());
    assert_eq!(again.as_ref(), Some(&metadata), "read, written and read");
}
