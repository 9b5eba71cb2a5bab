//! What the measurement prints.

use super::{Arguments, CONNECTIONS, REFRESHING, Round, Target, load::Measured};

/// Where it runs, and what the numbers are worth.
pub(crate) fn head(arguments: &Arguments) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "a debug build, whose numbers mean nothing" } else { "a release build" };
    println!("Sallyport {}, {build}, on {cores} cores ({})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    println!("Load, upstream, Sallyport and a PostgreSQL that syncs to disk share this machine, over loopback.");
    println!("Absolute numbers depend on it. Ratios are taken within a round; all numbers are medians over rounds.");
    println!("{} rounds, each line {} ms a round.", arguments.rounds, arguments.milliseconds);
}

/// Says on standard error how far it is.
pub(crate) fn progress(number: u32, of: u32) {
    eprintln!("round {number} of {of}");
}

/// Calls to each target, and how the others compare with the first.
pub(crate) fn calls(targets: &[Target], rounds: &[Round]) {
    columns("tools/call, warm cache");
    for (column, connections) in CONNECTIONS.into_iter().enumerate() {
        for (row, target) in targets.iter().enumerate() {
            let compared = if row == 0 { String::new() } else { compared(rounds, row, column) };
            line(target.name, connections, rounds, |round| &round.calls[row][column], &compared);
        }
    }
}

fn compared(rounds: &[Round], row: usize, column: usize) -> String {
    let both = |round: &Round, number: fn(&Measured) -> f64| {
        (number(&round.calls[row][column]), number(&round.calls[0][column]))
    };
    let ratios = rounds.iter().map(|round| both(round, Measured::per_second)).map(|(this, first)| this / first);
    let ratios = sorted(ratios);
    let added = rounds.iter().map(|round| both(round, |m| m.quantile(0.5))).map(|(this, first)| this - first);
    format!(
        "{:.2} of its calls/s ({:.2} to {:.2}), {:+.3} ms at p50",
        middle(&ratios),
        ratios[0],
        ratios[ratios.len() - 1],
        middle(&sorted(added))
    )
}

/// Refreshes at the token endpoint.
pub(crate) fn refreshes(rounds: &[Round]) {
    columns("token endpoint");
    line("refresh", REFRESHING, rounds, |round| &round.refreshes, "each commits to disk");
}

/// Revocations. False if a call that was sent after the answer was not refused.
pub(crate) fn revocations(rounds: &[Round]) -> bool {
    let all = || rounds.iter().flat_map(|round| &round.revocations);
    let took = sorted(all().map(|revocation| revocation.took.as_secs_f64() * 1000.0));
    let sent: usize = all().map(|revocation| revocation.sent_after).sum();
    let accepted: usize = all().map(|revocation| revocation.accepted_after).sum();
    println!("\nrevocation of an access token while 16 connections call, from the request to the answer");
    println!("{} revocations: p50 {:.2} ms, longest {:.2} ms", took.len(), middle(&took), took[took.len() - 1]);
    println!("calls sent with the token after the answer: {sent}; not refused: {accepted}");
    if accepted > 0 {
        println!("REVOKED TOKENS WERE ACCEPTED");
    }
    accepted == 0
}

fn columns(title: &str) {
    println!("\n{title:<24}{:>12}{:>12}{:>10}{:>10}", "connections", "a second", "p50 ms", "p99 ms");
}

fn line(name: &str, connections: usize, rounds: &[Round], of: impl Fn(&Round) -> &Measured, remark: &str) {
    let over = |number: fn(&Measured) -> f64| middle(&sorted(rounds.iter().map(|round| number(of(round)))));
    let (rate, half, most) = (over(Measured::per_second), over(|m| m.quantile(0.5)), over(|m| m.quantile(0.99)));
    let line = format!("{name:<24}{connections:>12}{rate:>12.0}{half:>10.3}{most:>10.3}   {remark}");
    println!("{}", line.trim_end());
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// The median of sorted numbers; of an even count, the upper one.
fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
