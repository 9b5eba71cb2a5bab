//! What Sallyport costs: the same MCP call to an upstream alone, through nginx, and through Sallyport; grants and questions
//! about tokens, beside oidc-provider; how long a revocation takes while calls run; and memory.
//!
//! `make bench`; docs/benchmarks.md says what is measured and how.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that goes wrong should stop where it does, and its result is what it prints"
)]

mod audit;
mod child;
mod introspect;
mod load;
mod login;
mod nginx;
mod refresh;
mod report;
mod revoke;
mod site;
mod table;
mod token;
mod upstream;
mod usage;
mod wire;

/// Databases and the built binary, as tests use them.
#[path = "../../tests/it/harness"]
#[expect(dead_code, reason = "tests use the rest")]
mod harness {
    pub(crate) mod db;
    pub(crate) mod process;
    pub(crate) mod scratch;
}

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};

use load::{Call, Measured, Question, Watched, Window};
use nginx::Nginx;
use revoke::Revocation;
use site::{BEFORE, OVERLAP, Site};
use usage::Tree;

/// Connections that call at the same time, each one call after the other.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// What `--only` calls everything but calls and revocations.
const TOKEN: &str = "token";
/// What `--only` calls the audit log alone.
const AUDIT: &str = "audit";
/// Numbers of nodes that revocations are measured on.
const NODES: [usize; 2] = [1, 3];

/// Measures Sallyport on this machine, beside its upstream alone, nginx and oidc-provider.
#[derive(Debug, Parser)]
#[command(name = "gateway", bin_name = "make bench ARGS=")]
struct Arguments {
    /// How often everything is measured.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each line is measured in a round, after a fifth of a second to warm up.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Revocations in a round, on each number of nodes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    revocations: u32,
    /// Events in the log that is exported and verified.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    events: u64,
    /// Only calls, to targets whose names contain this; or `token`: only grants and introspection; or `audit`: only the
    /// audit log. For profiles.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only calls (or grants), and also those through another build of Sallyport, for what a change brings.
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    /// Print tables as Markdown.
    #[arg(long)]
    markdown: bool,
    /// What this process is to do.
    #[arg(long, hide = true)]
    role: Option<Role>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Upstream,
    Load,
    Errand,
}

impl Arguments {
    fn milliseconds(&self) -> u128 {
        self.window().length.as_millis()
    }

    fn window(&self) -> Window {
        Window { warm_up: Duration::from_millis(200), length: Duration::from_secs_f64(self.seconds) }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    if (0.1..=60.0).contains(&seconds) { Ok(seconds) } else { Err("from 0.1 to 60".to_owned()) }
}

/// What calls go to.
struct Target {
    name: String,
    call: Call,
    /// What stands in between.
    proxy: Option<u32>,
}

/// What one round saw. Ratios are taken within it.
struct Round {
    /// By target, then by number of connections.
    calls: Vec<Vec<Measured>>,
    grants: token::Round,
    /// By number of nodes.
    revocations: Vec<Vec<Revocation>>,
}

/// The memory of one proxy, in MiB.
struct Memory {
    name: &'static str,
    fresh: f64,
    loaded: f64,
    after: f64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Upstream) => upstream::run(),
        Some(Role::Load) => load::run(),
        Some(Role::Errand) => token::run(),
        None => {
            // On this thread, since children are told to end when the thread that started them does.
            return tokio::runtime::Runtime::new().unwrap().block_on(measure(arguments));
        }
    }
    ExitCode::SUCCESS
}

async fn measure(arguments: Arguments) -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (_upstream, upstream) = child::serve("upstream");
    let site = Site::start(upstream).await;
    let nginx = Nginx::start(upstream, introspect::start(&site).await);
    report::head(&arguments, &nginx.version);
    if arguments.only.as_deref() == Some(TOKEN) {
        grants_alone(&arguments, site).await;
        return ExitCode::SUCCESS;
    }
    if arguments.only.as_deref() == Some(AUDIT) {
        let size = (arguments.rounds, arguments.events);
        audit::measure(&site, size, arguments.window(), arguments.markdown).await;
        return ExitCode::SUCCESS;
    }
    if arguments.only.is_some() || arguments.beside.is_some() {
        calls_alone(&arguments, site, &nginx, upstream).await;
        return ExitCode::SUCCESS;
    }
    everything(&arguments, site, &nginx, upstream).await
}

async fn everything(arguments: &Arguments, mut site: Site, nginx: &Nginx, upstream: SocketAddr) -> ExitCode {
    let (window, database) = (arguments.window(), site.database());
    let nginx_fresh = Tree::of(nginx.id()).memory();
    let tokens = Tokens::of(&site).await;
    let targets = targets(&site, nginx, upstream, &tokens);
    let mut grants = token::Bench::start(&site, None).await;
    let mut refresh = site.login(OVERLAP).await.refresh;

    let mut rounds = Vec::new();
    for number in 0..arguments.rounds {
        report::progress(number + 1, arguments.rounds);
        let calls = calls(&targets, database, window, number);
        let granted = grants.round(number, window).await;
        let mut revocations = Vec::new();
        for nodes in NODES {
            site.scale(nodes);
            revocations.push(revoke::measure(&site, arguments.revocations, &tokens.overlap, &mut refresh).await);
        }
        site.scale(1);
        rounds.push(Round { calls, grants: granted, revocations });
    }
    let memory = memory(&targets, &rounds, [(nginx.id(), nginx_fresh), (site.nodes[0].id(), site.fresh_memory)]);
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    report::calls(&names, PHANTOM, &rounds, arguments.markdown);
    audit::added(&names, &rounds, arguments.markdown);
    let refused = report::revocations(&rounds, arguments.markdown);
    let granted: Vec<&token::Round> = rounds.iter().map(|round| &round.grants).collect();
    token::report::tables(&grants, &granted, arguments.markdown);
    report::memory(&memory, arguments.markdown);
    let size = (arguments.rounds, arguments.events);
    audit::measure(&site, size, window, arguments.markdown).await;
    if refused { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Calls to some targets, which are compared with the first of them.
async fn calls_alone(arguments: &Arguments, mut site: Site, nginx: &Nginx, upstream: SocketAddr) {
    let tokens = Tokens::of(&site).await;
    let mut targets = targets(&site, nginx, upstream, &tokens);
    if let Some(program) = &arguments.beside {
        let node = site.add(program);
        targets.extend(sallyport(&site, node, "beside", &tokens));
    }
    targets.retain(|target| arguments.only.as_ref().is_none_or(|only| target.name.contains(only)));
    assert!(!targets.is_empty(), "no target has such a name");
    let mut rounds = Vec::new();
    for number in 0..arguments.rounds {
        report::progress(number + 1, arguments.rounds);
        rounds.push(calls(&targets, site.database(), arguments.window(), number));
    }
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    report::compared(&names, &rounds, arguments.markdown);
}

/// Grants and introspection alone.
async fn grants_alone(arguments: &Arguments, mut site: Site) {
    let beside = arguments.beside.as_ref().map(|program| site.add(program));
    let mut grants = token::Bench::start(&site, beside).await;
    let mut rounds = Vec::new();
    for number in 0..arguments.rounds {
        report::progress(number + 1, arguments.rounds);
        rounds.push(grants.round(number, arguments.window()).await);
    }
    token::report::tables(&grants, &rounds.iter().collect::<Vec<_>>(), arguments.markdown);
}

/// Access tokens of one login at each tenant.
struct Tokens {
    before: String,
    overlap: String,
}

impl Tokens {
    async fn of(site: &Site) -> Self {
        Self { before: site.login(BEFORE).await.access, overlap: site.login(OVERLAP).await.access }
    }
}

/// Which target the others are compared with, beside the first.
const PHANTOM: usize = 2;

fn targets(site: &Site, nginx: &Nginx, upstream: SocketAddr, tokens: &Tokens) -> Vec<Target> {
    let direct = |to: SocketAddr, path| Call::to(to, site.host(), path, &tokens.overlap, "search");
    let target = |name: &str, call, proxy| Target { name: name.to_owned(), call, proxy };
    let proxied = |name, to, path| target(name, direct(to, path), Some(nginx.id()));
    let mut targets = vec![
        target("upstream alone", direct(upstream, upstream::OPEN), None),
        proxied("nginx, plain proxy", nginx.plain, upstream::OPEN),
        proxied("nginx, phantom token", nginx.phantom, upstream::GUARDED),
        proxied("nginx, phantom token, access log", nginx.phantom_logged, upstream::GUARDED),
    ];
    targets.extend(sallyport(site, 0, "Sallyport", tokens));
    targets
}

/// Calls through one node, in each way of keeping evidence.
fn sallyport(site: &Site, node: usize, name: &str, tokens: &Tokens) -> [Target; 2] {
    [(BEFORE, &tokens.before), (OVERLAP, &tokens.overlap)].map(|(tenant, access)| Target {
        name: format!("{name}, {tenant}"),
        call: site.call(node, tenant, access),
        proxy: Some(site.nodes[node].id()),
    })
}

/// Every target at every number of connections, the targets side by side. Each round begins with another target, and
/// every second one with the most connections, so that what slows the machine down over time falls on all alike.
fn calls(targets: &[Target], database: u32, window: Window, number: u32) -> Vec<Vec<Measured>> {
    let mut columns: Vec<usize> = (0..CONNECTIONS.len()).collect();
    let mut rows: Vec<usize> = (0..targets.len()).collect();
    rows.rotate_left(number as usize % targets.len());
    if number % 2 == 1 {
        columns.reverse();
    }
    let mut measured = vec![vec![Measured::default(); CONNECTIONS.len()]; targets.len()];
    for column in columns {
        for row in rows.iter().copied() {
            let Target { call, proxy, .. } = &targets[row];
            let watched = Watched { proxy: *proxy, database: Some(database) };
            let question = Question { call: call.clone(), connections: CONNECTIONS[column], window, watched };
            measured[row][column] = load::measure(&question);
        }
    }
    measured
}

/// Memory of nginx and of Sallyport, whose process and memory before its first request are given.
fn memory(targets: &[Target], rounds: &[Round], proxies: [(u32, f64); 2]) -> Vec<Memory> {
    let most = CONNECTIONS.len() - 1;
    let loaded = |proxy: u32| {
        let rows = (0..targets.len()).filter(|row| targets[*row].proxy == Some(proxy));
        let all = rows.flat_map(|row| rounds.iter().map(move |round| round.calls[row][most].proxy_memory));
        all.fold(0.0, f64::max)
    };
    let memory = |name, (proxy, fresh): (u32, f64)| Memory {
        name,
        fresh,
        loaded: loaded(proxy),
        after: Tree::of(proxy).memory(),
    };
    vec![memory("nginx", proxies[0]), memory("Sallyport", proxies[1])]
}
