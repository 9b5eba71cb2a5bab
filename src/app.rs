//! The application: what all requests share, and the separate routers (public, operations).

mod cold;
pub mod routes;
mod unsure;

use std::sync::Arc;

use tokio::sync::Semaphore;

use cold::ColdReads;

use crate::{
    apply::Tools,
    audit::{CallLog, Evidence, Lane, Recorder, Refused, signer::MemoryError},
    clients::document::RemoteKeys,
    clock::Clock,
    cluster::{Fill, Keeper, KeeperError, MostCalls, Node},
    config::{Config, TlsError},
    deliver::{BadTarget, Courier, Numbers as Deliveries},
    http::{address::ClientAddress, metrics::Metrics},
    ids::{ProcessId, Slug, TenantId},
    keys::Keyring,
    people::{HashError, PasswordHasher, oidc::Providers},
    secret::{Entropy, NoEntropy},
    store::{self, Store, StoreError, keys::KeyCheckError},
    tenants::{self, Found, Tenant},
    token::{StoreAnew, outside::OutsideKeys},
    upstream::{DialSettings, Dialer, Untrusted, UntrustedSettings, Upstreams},
};

/// How often a tenant is read again because the authority log moved on meanwhile.
const TRIES: usize = 16;

/// Why the application does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key file does not fit the database.
    #[error(transparent)]
    Keys(#[from] KeyCheckError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate authorities for upstream connections cannot be read.
    #[error(transparent)]
    Authorities(#[from] TlsError),
    /// TLS for upstream connections cannot be set up.
    #[error("upstream.ca_file: it holds a certificate that is none of an authority: {0}")]
    Tls(#[from] rustls::Error),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// It cannot be remembered what was signed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A collector or an anchor cannot be used as it is configured.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// There can be no lease.
    #[error(transparent)]
    Lease(#[from] KeeperError),
    /// Passwords cannot be hashed as configured.
    #[error(transparent)]
    Passwords(#[from] HashError),
}

/// What all requests share.
#[derive(Debug)]
pub struct App {
    /// This process.
    pub process: ProcessId,
    /// The configuration.
    pub config: Config,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub entropy: Entropy,
    /// Keys outside the database.
    pub keyring: Keyring,
    /// The database.
    pub store: Store,
    /// What this process has applied of the authority log, and its caches.
    pub node: Arc<Node>,
    /// What keeps this process's lease, until this is dropped.
    pub lease: Keeper,
    /// What hashes passwords.
    pub passwords: PasswordHasher,
    /// Access tokens that are to be stored under another pepper.
    pub anew: StoreAnew,
    /// Events of calls.
    pub calls: CallLog,
    /// What this process knows of the logs.
    pub evidence: Evidence,
    /// Who brings what the logs have to others.
    pub couriers: Vec<Arc<Courier>>,
    /// How that goes.
    pub deliveries: Deliveries,
    /// Turns of exports: one at a time, since each fills a disk and reads all of a log.
    pub exports: Arc<Semaphore>,
    /// Counts of what was refused to strangers.
    pub lane: Lane,
    /// Numbers for Prometheus.
    pub metrics: Arc<Metrics>,
    /// Connections to upstream servers, and the credentials for them.
    pub upstreams: Upstreams,
    /// What fetches addresses that strangers name.
    pub untrusted: Untrusted,
    /// Keys that clients publish at addresses of their own.
    pub client_keys: RemoteKeys,
    /// Keys of outside issuers.
    pub(crate) outside: OutsideKeys,
    /// Identity providers of people.
    pub(crate) providers: Providers,
    /// Turns of reads for those who are not known yet.
    pub(crate) cold: ColdReads,
}

impl App {
    /// Checks the keys against the database and starts with empty caches, as a node that keeps a lease. So it is for
    /// processes that serve: whoever takes authority away waits for this one from now on.
    pub async fn start(
        config: Config,
        keyring: Keyring,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Arc<Self>, StartError> {
        let recorder = Recorder { clock: clock.clone(), entropy: entropy.clone(), request_id: None, actor: None };
        store.check_keys(&keyring, &recorder).await?;
        if let Err(error) = store.compare_clock(&clock).await {
            tracing::error!(%error, "the clock is not believed");
        }
        let process = ProcessId::new(&clock, &entropy)?;
        let passwords = PasswordHasher::new(&config.login, entropy.clone())?;
        let anew = StoreAnew::start(store.clone());
        let metrics = Arc::new(Metrics::new());
        let lane = Lane::default();
        metrics.register(|registry| lane.register(registry));
        let evidence = Evidence::open(config.audit.state_dir.as_deref())?;
        metrics.register(|registry| evidence.register(registry));
        let couriers = Courier::all(&config)?.into_iter().map(Arc::new).collect();
        let deliveries = Deliveries::default();
        metrics.register(|registry| deliveries.register(registry));
        let calls = CallLog::start(store.clone(), process, &metrics);
        let dialer = Dialer::new(&DialSettings::of(&config.upstream)?)?;
        let untrusted = Untrusted::new(&UntrustedSettings::of(&config.untrusted)?)?;
        let outside = OutsideKeys::new(Untrusted::new(&UntrustedSettings::of(&config.untrusted)?)?);
        let providers = Providers::new(Untrusted::new(&UntrustedSettings::of(&config.untrusted)?)?);
        let upstreams = Upstreams::new(dialer, config.tokens.inner_jwt, clock.clone(), entropy.clone());
        let most = MostCalls { of_family: config.gateway.calls_per_token, of_tenant: CallLog::ROOM / 4 };
        let (node, lease) = Keeper::start(process, &store, &clock, &entropy, most).await?;
        metrics.register(|registry| registry.register_collector(Box::new(node.clone())));
        // From here on whoever puts another key in use waits until this process knows it; what came before is seen now.
        store.check_keys(&keyring, &recorder).await?;
        store::keys::report(&store, process, &keyring, clock.now()).await?;
        let cold = ColdReads::new(config.database.max_connections);
        Ok(Arc::new(Self {
            process,
            config,
            clock,
            entropy,
            keyring,
            store,
            node,
            lease,
            passwords,
            anew,
            calls,
            evidence,
            couriers,
            deliveries,
            exports: Arc::new(Semaphore::new(1)),
            lane,
            metrics,
            upstreams,
            client_keys: RemoteKeys::new(untrusted.clone()),
            outside,
            providers,
            untrusted,
            cold,
        }))
    }

    /// What `apply` needs for a change, as whoever makes it.
    pub fn tools<'a>(&'a self, recorder: &'a Recorder) -> Tools<'a> {
        Tools { store: &self.store, keyring: &self.keyring, hasher: &self.passwords, recorder }
    }

    /// The place of the platform's administrators, if there is one.
    pub async fn platform(&self) -> Result<Option<Arc<Tenant>>, StoreError> {
        match self.store.platform_slug().await? {
            Some(slug) => self.place(&slug).await,
            None => Ok(None),
        }
    }

    /// An active tenant by its slug. One that was asked for before it was made may take a second to appear.
    pub async fn tenant(&self, slug: &str) -> Result<Option<Arc<Tenant>>, StoreError> {
        Ok(self.place(slug).await?.filter(|tenant| !tenant.platform))
    }

    /// The same, or the place of the platform's administrators: for pages on which people log in.
    pub async fn place(&self, slug: &str) -> Result<Option<Arc<Tenant>>, StoreError> {
        if let Some(tenant) = self.node.tenant(slug) {
            return Ok(Some(tenant));
        }
        let Ok(slug) = Slug::parse(slug) else { return Ok(None) };
        let _turn = self.cold.turn().await;
        // What those found out who came before.
        if let Some(tenant) = self.node.tenant(slug.as_str()) {
            return Ok(Some(tenant));
        }
        let sent = self.clock.boot();
        if self.cold.is_absent(&slug, sent) {
            return Ok(None);
        }
        for _ in 0..TRIES {
            let reading = self.node.reading()?;
            let head = self.store.authority_head_for(reading.node()).await?;
            let tenant = match tenants::find(&self.store, &self.keyring, &self.config.public_url, &slug).await? {
                Found::Active(tenant) => *tenant,
                Found::Inactive => return Ok(None),
                Found::Absent => {
                    self.cold.absent(slug, sent);
                    return Ok(None);
                }
            };
            if let Fill::Fresh(tenant) = self.node.keep_tenant(reading, head, tenant) {
                return Ok(Some(tenant));
            }
        }
        Err(StoreError::Behind)
    }

    /// Counts what was refused, at a tenant or at none, to somebody who is not known.
    pub fn refused(&self, tenant: Option<TenantId>, what: Refused, from: ClientAddress) {
        self.lane.count(tenant, what, from.network(), self.clock.now());
    }

    /// A recorder of audit events for one request.
    pub fn recorder(&self, request_id: Option<String>) -> Recorder {
        Recorder { clock: self.clock.clone(), entropy: self.entropy.clone(), request_id, actor: None }
    }
}
