//! Starts everything that `sallyport dev` consists of, in order, and stops it in the opposite order.

use std::{
    convert::Infallible,
    io::{self, Write},
    net::TcpListener,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use tokio_util::sync::CancellationToken;

use super::{
    DATABASE, DevError, connect,
    demo::{self, DemoConfig},
    keys,
    people::{self, Person},
    postgres::{DbRole, Durability, PrivatePostgres},
    ready::{Addresses, ReadyFile},
    seed,
    story::{Story, millis},
    tour::{self, Stage},
};
use crate::{
    app::{self, App},
    audit::{Actor, Recorder},
    clock::Clock,
    config::{Config, Listen, ListenAddress},
    http::server::{self, Shutdown},
    jobs,
    secret::Entropy,
    store::{Limits, Store, schema},
};

/// What `sallyport dev` was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where it listens. Port 0 takes a free one.
    pub listen: ListenAddress,
    /// Whether the tour is played.
    pub tour: bool,
}

/// Sockets that are open, so that nothing is started in vain.
struct Sockets {
    public: Vec<TcpListener>,
    upstream: tokio::net::TcpListener,
    upstream_url: String,
    config: Config,
}

impl Sockets {
    async fn open(options: &Options) -> Result<Self, DevError> {
        let public = server::bind([options.listen])?;
        let port = match public.first() {
            Some(listener) => listener.local_addr().map_err(DevError::Socket)?.port(),
            None => options.listen.port(),
        };
        let upstream = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.map_err(DevError::Socket)?;
        let upstream_url = format!("http://{}{}", upstream.local_addr().map_err(DevError::Socket)?, demo::PATH);
        let config = Config::dev(&options.data_dir, Listen::on(options.listen.with_port(port)));
        Ok(Self { public, upstream, upstream_url, config })
    }

    fn addresses(&self) -> Addresses {
        let base = self.config.public_url.as_str();
        Addresses {
            base: base.to_owned(),
            issuer: format!("{base}/t/{}", seed::TENANT),
            resource: format!("{base}/t/{}/mcp/{}", seed::TENANT, seed::SERVER),
            console: format!("{base}/console/t/{}", seed::TENANT),
            platform: format!("{base}/console/t/platform"),
            upstream: self.upstream_url.clone(),
        }
    }
}

/// Runs a development installation until SIGINT or SIGTERM.
///
/// # Errors
/// What could not be started, or ended by itself. Everything else is stopped by then.
pub async fn run<W: Write>(options: &Options, story: &mut Story<W>) -> Result<(), DevError> {
    let began = Instant::now();
    let sockets = Sockets::open(options).await?;
    let shutdown = Shutdown::on_signals(sockets.config.http.shutdown).map_err(DevError::Signals)?;
    let data_dir = options.data_dir.display();
    story.gap();
    story.heading(&format!("Sallyport {}", env!("CARGO_PKG_VERSION")), "development");
    if !options.data_dir.join("pgdata").exists() {
        story.prose(&format!("First start: making a private PostgreSQL in {data_dir}."));
    }
    let postgres = tokio::select! {
        started = PrivatePostgres::start(&options.data_dir, Durability::Full) => Some(started?),
        () = shutdown.begun() => None,
    };
    if let Some(postgres) = postgres {
        let ended = with_postgres(options, sockets, &postgres, &shutdown, story, began).await;
        let stopped = postgres.stop().await;
        ended.and(stopped.map_err(DevError::from))?;
    }
    story.gap();
    story.prose(&format!("Stopped. {data_dir} keeps everything for the next start."));
    Ok(())
}

async fn with_postgres<W: Write>(
    options: &Options,
    sockets: Sockets,
    postgres: &PrivatePostgres,
    shutdown: &Shutdown,
    story: &mut Story<W>,
    began: Instant,
) -> Result<(), DevError> {
    let (app, people) = tokio::select! {
        prepared = prepare(options, &sockets, postgres) => prepared?,
        () = shutdown.begun() => return Ok(()),
    };
    let addresses = sockets.addresses();
    let visit = async {
        let ready = ReadyFile::write(&options.data_dir, &addresses, &people)?;
        story.good(&format!("Ready in {}.", millis(began.elapsed())));
        tokio::select! {
            () = tell(options, &addresses, &people, &app.entropy, story) => shutdown.begun().await,
            () = shutdown.begun() => {}
        }
        drop(ready);
        std::future::pending().await
    };
    let served = serve(&app, sockets, shutdown, async {
        tokio::select! {
            failed = visit => failed,
            () = postgres.ended() => Err(DevError::PostgresEnded(options.data_dir.join("postgres.log"))),
        }
    });
    let ended = served.await;
    // What calls wrote is on the disk before the database ends.
    if app.calls.finish().await.is_err() {
        tracing::error!(
            "audit events of calls could not be written; the next start says that the outcome of these calls is not known"
        );
    }
    app.lease.end().await;
    jobs::refusals::finish(&app).await;
    app.store.close().await;
    ended
}

/// Brings the database up to date, with everything in it that a development installation has.
async fn prepare(
    options: &Options,
    sockets: &Sockets,
    postgres: &PrivatePostgres,
) -> Result<(Arc<App>, Vec<Person>), DevError> {
    ReadyFile::clear(&options.data_dir)?;
    postgres.ensure_database(DATABASE).await?;
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let recorder = Recorder {
        clock: clock.clone(),
        entropy: entropy.clone(),
        request_id: None,
        actor: Some(Actor::Command { command: "dev" }),
    };
    schema::migrate(&postgres.connect_options(DbRole::Owner, DATABASE), &recorder).await?;
    let config = sockets.config.clone();
    let as_app = postgres.connect_options(DbRole::App, DATABASE);
    let store = Store::connect(as_app, config.database.max_connections, Limits::Serving).await?;
    store.check_role().await?;
    store.check_schema().await?;
    let app = keys::start_app(config, store, clock, entropy.clone()).await?;
    let tenant = app.store.tenant(seed::TENANT).await?;
    let people = people::load_or_make(&options.data_dir, tenant.is_none(), &entropy)?;
    match tenant {
        None => seed::plant(&app, &people, &sockets.upstream_url).await?,
        Some(tenant) => seed::point_server(&app, tenant.id, &sockets.upstream_url).await?,
    }
    Ok((app, people))
}

/// Serves until `shutdown`, or until something fails. The end of each part is told to the others: first the listener,
/// then the upstream.
async fn serve(
    app: &Arc<App>,
    sockets: Sockets,
    shutdown: &Shutdown,
    meanwhile: impl Future<Output = Result<Infallible, DevError>>,
) -> Result<(), DevError> {
    let stop = CancellationToken::new();
    let demo = DemoConfig {
        issuer: sockets.addresses().issuer,
        jwks_url: format!("{}/jwks.json", sockets.addresses().issuer),
        audience: sockets.upstream_url,
    };
    let router = app::routes::router(app.clone());
    let public = async {
        let ended = server::serve(router, sockets.public, None, &app.config.http, shutdown).await;
        stop.cancel();
        ended.map_err(DevError::Serve)
    };
    let upstream = async {
        let ended = demo::serve(sockets.upstream, demo, app.clock.clone(), stop.clone()).await;
        shutdown.begin();
        ended.map_err(DevError::Upstream)
    };
    let meanwhile = async {
        tokio::select! {
            Err(failed) = meanwhile => {
                shutdown.begin();
                Err(failed)
            }
            () = stop.cancelled() => Ok(()),
        }
    };
    let jobs = async {
        let ended = jobs::start(app.clone(), stop.clone()).await;
        shutdown.begin();
        ended.map_err(|panic| DevError::Serve(io::Error::other(panic)))
    };
    let (public, upstream, meanwhile, jobs) = tokio::join!(public, upstream, meanwhile, jobs);
    meanwhile.and(public).and(upstream).and(jobs)
}

/// The story, from the tour on.
async fn tell<W: Write>(
    options: &Options,
    addresses: &Addresses,
    people: &[Person],
    entropy: &Entropy,
    story: &mut Story<W>,
) {
    story.gap();
    if let Some(person) = people.first().filter(|_| options.tour) {
        // How it went is part of the story, and no reason to end.
        let _ = tour::play(&Stage { resource: &addresses.resource, person, entropy }, story).await;
        story.gap();
    }
    connect::tell(story, addresses, people, &options.data_dir);
}
