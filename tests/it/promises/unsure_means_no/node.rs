//! Another process over the same database, whose way to it, whose clock and chance can be taken away.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder};
use sallyport::{
    app::{App, routes},
    clock::Clock,
    config::ListenAddress,
    http::server::{self, Shutdown},
    keys::Keyring,
    secret::Entropy,
    store::Store,
};
use sqlx::{
    PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::app::TestApp;

/// Longer than a revocation waits for a process that is gone, short enough for a test of one that does not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
pub(super) const CONNECTIONS: u32 = 4;

pub(super) struct Node {
    pub(super) app: Arc<App>,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) pool: PgPool,
    line: Arc<Mutex<Line>>,
    at: String,
    host: String,
    http: reqwest::Client,
    _stop: DropGuard,
}

/// The way to the database.
struct Line {
    /// Kept connections are not used again.
    cut: bool,
    /// Older ones are not, either.
    since: Instant,
}

impl Line {
    fn is_good_for(&self, age: Duration) -> bool {
        !self.cut && age <= self.since.elapsed()
    }
}

impl Node {
    /// Starts one that is well and has served nothing. It answers in the name of `app`.
    pub(super) async fn beside(app: &TestApp) -> Self {
        let line = Arc::new(Mutex::new(Line { cut: false, since: Instant::now() }));
        let own = line.clone();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .before_acquire(move |_, connection| {
                let usable = own.lock().unwrap().is_good_for(connection.age);
                Box::pin(async move { Ok(usable) })
            })
            .connect_lazy_with(app.db.options());
        let (clock, entropy) = (Clock::manual(app.clock.now()), Entropy::manual());
        let mut config = app.app.config.clone();
        config.database.answer = PATIENCE;
        let keyring = Keyring::parse(&app.key_file).unwrap();
        let store = Store::over(pool.clone());
        let serving = App::start(config, keyring, store, clock.clone(), entropy.clone()).await.unwrap();

        let listeners = server::bind([ListenAddress::parse("127.0.0.1:0").unwrap()]).unwrap();
        let at = format!("http://{}", listeners[0].local_addr().unwrap());
        let stop = CancellationToken::new();
        let (stopped, own) = (stop.clone(), serving.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            let (router, never) = (routes::router(serving.clone()), Shutdown::new(Duration::ZERO));
            server::serve(router, listeners, None, &serving.config.http, &never).await.unwrap();
        }));
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(30)).build().unwrap();
        let host = app.base.strip_prefix("http://").unwrap().to_owned();
        Self { app: own, clock, entropy, pool, line, at, host, http, _stop: stop.drop_guard() }
    }

    pub(super) fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.http.request(method.clone(), format!("{}{path}", self.at)).header("host", &self.host)
    }

    /// From now on every connection is a new one, made like this, and used once.
    pub(super) fn connects_by(&self, options: PgConnectOptions) {
        self.pool.set_connect_options(options);
        *self.line.lock().unwrap() = Line { cut: true, since: Instant::now() };
    }

    /// Connections are made like this and kept. None is left of those from before.
    pub(super) fn is_mended(&self, options: PgConnectOptions) {
        self.pool.set_connect_options(options);
        *self.line.lock().unwrap() = Line { cut: false, since: Instant::now() };
    }

    /// Takes all its connections.
    pub(super) async fn exhaust(&self) -> Vec<PoolConnection<Postgres>> {
        let mut taken = Vec::new();
        for _ in 0..CONNECTIONS {
            taken.push(self.pool.acquire().await.unwrap());
        }
        taken
    }
}
