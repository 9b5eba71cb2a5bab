//! What Sallyport costs: the same MCP call to an upstream alone and through the gateway, refreshes at the token endpoint,
//! and how long a revocation takes while calls run.
//!
//! `make bench`. Everything runs on this machine, over loopback: the load, the upstream, a private PostgreSQL that syncs
//! to disk, and Sallyport with its real router and server, warm caches, audit events and a log line for each call. They
//! share the cores, so absolute numbers say little; the ratios within a round say more.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that goes wrong should stop where it does, and its result is what it prints"
)]

mod load;
mod refresh;
mod report;
mod revoke;
mod site;
mod upstream;

/// How tests start the application and get tokens.
#[path = "../../tests/it/harness"]
#[expect(dead_code, reason = "tests use the rest")]
mod harness {
    pub(crate) mod app;
    pub(crate) mod db;
    pub(crate) mod flow;
}

use std::{fs::File, process::ExitCode, sync::Mutex, time::Duration};

use clap::Parser;

use load::{Call, Measured, Window};
use revoke::Revocation;
use site::Site;

/// Connections that call at the same time, each one call after the other.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const REFRESHING: usize = 16;

/// Measures Sallyport on this machine.
#[derive(Debug, Parser)]
#[command(name = "gateway")]
struct Arguments {
    /// How often everything is measured.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each line is measured in a round, after a fifth of a second to warm up.
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    milliseconds: u64,
    /// Revocations in a round.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    revocations: u32,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What calls go to.
#[derive(Clone, Debug)]
struct Target {
    name: &'static str,
    call: Call,
}

/// What one round saw. Ratios are taken within it.
#[derive(Debug, Default)]
struct Round {
    /// By target, then by number of connections.
    calls: Vec<Vec<Measured>>,
    refreshes: Measured,
    revocations: Vec<Revocation>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let window = Window { warm_up: Duration::from_millis(200), length: Duration::from_millis(arguments.milliseconds) };
    log_to_nowhere();
    // Sallyport has a runtime of its own, as in production; load and upstream share another one.
    let (serving, loading) = (runtime(), runtime());
    let upstream = loading.block_on(upstream::start());
    let site = serving.block_on(Site::start(&upstream));
    // The others are compared with the first. Another proxy in front of the same upstream is one more line here.
    let targets = [
        Target { name: "upstream alone", call: Call::to(upstream, "/mcp", "none") },
        Target { name: "through Sallyport", call: site.call() },
    ];

    report::head(&arguments);
    let (mut refreshing, mut revoking) =
        serving.block_on(async { (site.logins(REFRESHING).await, site.logins(1).await) });
    let rounds: Vec<Round> = (0..arguments.rounds)
        .map(|number| {
            report::progress(number + 1, arguments.rounds);
            loading.block_on(async {
                Round {
                    calls: calls(&targets, &site, window, number).await,
                    refreshes: refresh::measure_all(&site, &mut refreshing, window).await,
                    revocations: revoke::measure(&site, arguments.revocations, &mut revoking[0]).await,
                }
            })
        })
        .collect();
    report::calls(&targets, &rounds);
    report::refreshes(&rounds);
    if report::revocations(&rounds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every target at every number of connections, the targets side by side. Every second round goes through all of it
/// backwards, so that what slows the machine down over time falls on all alike.
async fn calls(targets: &[Target], site: &Site, window: Window, number: u32) -> Vec<Vec<Measured>> {
    let mut order: Vec<(usize, usize)> =
        (0..CONNECTIONS.len()).flat_map(|column| (0..targets.len()).map(move |row| (row, column))).collect();
    if number % 2 == 1 {
        order.reverse();
    }
    let mut measured = vec![vec![Measured::default(); CONNECTIONS.len()]; targets.len()];
    for (row, column) in order {
        measured[row][column] = load::calls(&targets[row].call, CONNECTIONS[column], window).await;
        // What one target left to be written is not measured with the next one.
        site.app.app.calls.flush().await.unwrap();
    }
    measured
}

/// As much as `serve` logs by default, all the way to a file that keeps nothing.
fn log_to_nowhere() {
    let nowhere = Mutex::new(File::create("/dev/null").unwrap());
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter("info").with_writer(nowhere).init();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
