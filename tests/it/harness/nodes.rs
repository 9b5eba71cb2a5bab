//! Several real `sallyport serve` processes over one database, each behind a proxy that fails as it is told to.
//!
//! All have one public address, as behind a balancer; a client of a node resolves that address to the node.

mod caller;
mod holding;
mod node;
mod proxy;
mod trap;
mod upstream;
mod wire;

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use sallyport::{clock::Clock, config::PublicUrl, store::Store};

pub(crate) use self::{
    caller::{Caller, Seen, rest},
    holding::Holding,
    node::Node,
    trap::Side,
    upstream::{AFTER, CountingUpstream, ECHO, STREAM, WAIT},
};
use super::{
    app::{TestApp, TestServer, TestTenant},
    browser::TestBrowser,
    db::TestDb,
    process::{Said, run},
};

/// Far longer than anything takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(60);
/// Without a port, so that a client can be led to any.
const PUBLIC_URL: &str = "http://localhost";

/// Processes over one database, with one tenant, one server, one person and one upstream.
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    /// Another process over the database, which makes what tests need and serves nobody.
    pub(crate) app: TestApp,
    pub(crate) tenant: TestTenant,
    /// `tools`, whose upstream is `upstream`.
    pub(crate) server: TestServer,
    pub(crate) upstream: CountingUpstream,
}

/// A browser in which the tenant's person is logged in.
pub(crate) struct Login {
    cookies: String,
    csrf: String,
}

impl Nodes {
    /// Starts so many, and returns when all serve.
    pub(crate) async fn start(count: usize) -> Self {
        Self::start_with(count, &[]).await
    }

    /// The same with more settings.
    pub(crate) async fn start_with(count: usize, more: &[(&'static str, &str)]) -> Self {
        let db = TestDb::new().await;
        let store = Store::over(db.app.clone());
        let public_url = |config: &mut sallyport::config::Config| {
            config.public_url = PublicUrl::parse(PUBLIC_URL).unwrap();
        };
        let mut app = TestApp::over(db, store, Clock::system(), public_url).await;
        app.base = PUBLIC_URL.to_owned();
        let tenant = app.tenant("acme").await;
        let upstream = CountingUpstream::start().await;
        let server = app.server(tenant.id, "acme", "tools", &upstream.url).await;
        let nodes = futures_util::future::join_all((0..count).map(|_| Node::start(&app, more))).await;
        app.door = Some(nodes[0].address());
        // It serves nobody, so nobody is to wait for it.
        app.app.lease.end().await;
        let this = Self { nodes, app, tenant, server, upstream };
        this.ready().await;
        this
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// Returns when every process says that it can serve.
    pub(crate) async fn ready(&self) {
        for node in &self.nodes {
            node.ready().await;
        }
    }

    /// How often a lease has run out, on all nodes together.
    pub(crate) async fn lapses(&self) -> u64 {
        let lapses = self.nodes.iter().map(async |node| node.number("sallyport_lease_lapses_total").await);
        futures_util::future::join_all(lapses).await.iter().sum()
    }

    /// A client of the server at one node.
    pub(crate) fn caller(&self, node: usize) -> Caller {
        self.caller_of(node, &self.server.slug)
    }

    /// A client of another server.
    pub(crate) fn caller_of(&self, node: usize, server: &str) -> Caller {
        let path = format!("/t/{}/mcp/{server}", self.tenant.slug);
        Caller::new(self.nodes[node].address(), "localhost", &path)
    }

    /// Posts to an endpoint of the tenant at one node, as a public client.
    pub(crate) async fn post(&self, node: usize, endpoint: &str, client: &str, form: &[(&str, &str)]) -> Response {
        let request = self.nodes[node].http.post(format!("{}/{endpoint}", self.tenant.issuer));
        sent(request.form(&[form, &[("client_id", client)]].concat())).await
    }

    /// RFC 7009. Returns when the answer is there.
    pub(crate) async fn revoke(&self, node: usize, client: &str, token: &str) {
        let answer = self.post(node, "revoke", client, &[("token", token)]).await;
        assert_eq!(answer.status(), 200, "a revocation at node {node}");
    }

    /// RFC 7592: a client removes itself.
    pub(crate) async fn unregister(&self, node: usize, holding: &Holding) {
        let url = format!("{}/register/{}", self.tenant.issuer, holding.client);
        let answer = sent(self.nodes[node].http.delete(url).bearer_auth(&holding.registration)).await;
        assert_eq!(answer.status(), 204, "a removal at node {node}");
    }

    /// Logs the tenant's person in, at the first node.
    pub(crate) async fn log_in(&self) -> Login {
        let browser = TestBrowser::new(&self.app);
        let (path, person) = (format!("/t/{}", self.tenant.slug), &self.tenant.person);
        let page = browser.get(&format!("{path}/login")).await;
        let fields = [("username", "ada"), ("password", &person.password), ("csrf", &page.hidden("csrf"))];
        let entered = browser.post(&format!("{path}/login"), &fields).await;
        let csrf = browser.get(&format!("{path}/account")).await;
        let cookie = |place: &str, page: &super::browser::Page| {
            let name = format!("__Host-sp-{place}-{}", self.tenant.slug);
            format!("{name}={}", page.cookie(&name).expect("a cookie"))
        };
        Login { cookies: format!("{}; {}", cookie("b", &page), cookie("t", &entered)), csrf: csrf.hidden("csrf") }
    }

    /// The person takes a grant back on the account page, at any node.
    pub(crate) async fn take_back(&self, node: usize, login: &Login, grant: &str) {
        let url = format!("{PUBLIC_URL}/t/{}/account/revoke", self.tenant.slug);
        let form = [("csrf", login.csrf.as_str()), ("grant", grant)];
        let request = self.nodes[node].http.post(url).header("cookie", &login.cookies).header("origin", PUBLIC_URL);
        let answer = sent(request.form(&form)).await;
        assert_eq!(answer.status(), 303, "taking back at node {node}");
    }

    /// Runs a command of the same installation.
    pub(crate) async fn command(&self, args: &[&str]) -> Said {
        use sqlx::ConnectOptions as _;
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let (url, keys) = (self.app.db.options().to_url_lossy().to_string(), self.app.key_file.to_string());
        let running = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let variables = [
                ("SALLYPORT_PUBLIC_URL", PUBLIC_URL),
                ("SALLYPORT_KEYS", &keys),
                ("SALLYPORT_DATABASE__URL", &url),
                ("SALLYPORT_LOGIN__ARGON2_MEMORY_KIB", "7168"),
            ];
            run(&args, &variables)
        });
        running.await.unwrap()
    }
}

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer of a node")
}

/// Asks again and again until it is so.
pub(crate) async fn poll(what: &str, is: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < LONG, "waited for {what} in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
