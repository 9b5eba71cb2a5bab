//! What the measurement prints.

use std::{fs, process::Command};

use super::{
    Arguments, CONNECTIONS, Memory, NODES, Round,
    load::Measured,
    table::{Seen, Table},
};

/// Where it runs, and what the numbers are worth.
pub(crate) fn head(arguments: &Arguments, nginx: &str) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "a debug build, whose numbers mean nothing" } else { "a release build" };
    println!("Sallyport {} ({}), {build}; {nginx}", env!("CARGO_PKG_VERSION"), revision());
    println!("{cores} cores ({}, {}), unpinned", std::env::consts::ARCH, model());
    println!("Load, upstream, proxies and a PostgreSQL that syncs to disk are processes of their own on this machine,");
    println!("over loopback: they share its cores. Absolute numbers depend on it; ratios are taken within a round.");
    println!("Medians over {} rounds of {} ms for each line.", arguments.rounds, arguments.milliseconds());
}

fn revision() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    text.map_or("no revision".to_owned(), |text| String::from_utf8_lossy(&text).trim().to_owned())
}

fn model() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("an unnamed processor", |name| name.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// Says on standard error how far it is.
pub(crate) fn progress(number: u32, of: u32) {
    eprintln!("round {number} of {of}");
}

pub(crate) fn title(text: &str, markdown: bool) {
    println!("\n{}{text}\n", if markdown { "### " } else { "" });
}

fn connections_title(connections: usize) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("tools/call, warm caches, {connections} connection{plural}")
}

/// Calls to each target, and how they compare with the upstream alone and with nginx swapping tokens.
pub(crate) fn calls(names: &[&str], reference: usize, rounds: &[Round], markdown: bool) {
    for (column, connections) in CONNECTIONS.into_iter().enumerate() {
        title(&connections_title(connections), markdown);
        let mut table = Table::new([
            "",
            "× phantom token",
            "× its CPU",
            "× upstream",
            "calls/s",
            "p50 ms",
            "p99 ms",
            "CPU µs/call",
            "database µs/call",
        ]);
        for (row, name) in names.iter().enumerate() {
            let over = |number: fn(&Measured) -> f64| -> Seen {
                rounds.iter().map(|round| number(&round.calls[row][column])).collect()
            };
            let against = |other: usize, number: fn(&Measured) -> f64| -> Seen {
                let of = |round: &Round, row: usize| number(&round.calls[row][column]);
                rounds.iter().map(|round| of(round, row) / of(round, other)).collect()
            };
            let unless = |hide: bool, text: String| if hide { "–".to_owned() } else { text };
            let direct = row == 0;
            table.row([
                (*name).to_owned(),
                unless(row == reference, against(reference, |m| m.per_second).ratio()),
                unless(direct || row == reference, against(reference, |m| m.proxy_processor).ratio()),
                unless(direct, against(0, |m| m.per_second).ratio()),
                format!("{:.0}", over(|m| m.per_second).middle()),
                format!("{:.3}", over(|m| m.p50).middle()),
                format!("{:.3}", over(|m| m.p99).middle()),
                unless(direct, format!("{:.1}", over(|m| m.proxy_processor).middle())),
                unless(direct, format!("{:.1}", over(|m| m.database_processor).middle())),
            ]);
        }
        table.print(markdown);
    }
}

/// Calls to some targets, and how they compare with the first.
pub(crate) fn compared(names: &[&str], rounds: &[Vec<Vec<Measured>>], markdown: bool) {
    for (column, connections) in CONNECTIONS.into_iter().enumerate() {
        title(&connections_title(connections), markdown);
        let mut table = Table::new([
            "",
            "× first",
            "× its CPU",
            "calls/s",
            "p50 ms",
            "p99 ms",
            "CPU µs/call",
            "database",
            "load",
            "MiB",
        ]);
        for (row, name) in names.iter().enumerate() {
            let over = |number: fn(&Measured) -> f64| -> f64 {
                rounds.iter().map(|round| number(&round[row][column])).collect::<Seen>().middle()
            };
            let against = |number: fn(&Measured) -> f64| -> String {
                let ratio = |round: &Vec<Vec<Measured>>| number(&round[row][column]) / number(&round[0][column]);
                rounds.iter().map(ratio).collect::<Seen>().ratio()
            };
            table.row([
                (*name).to_owned(),
                against(|m| m.per_second),
                against(|m| m.proxy_processor),
                format!("{:.0}", over(|m| m.per_second)),
                format!("{:.3}", over(|m| m.p50)),
                format!("{:.3}", over(|m| m.p99)),
                format!("{:.1}", over(|m| m.proxy_processor)),
                format!("{:.1}", over(|m| m.database_processor)),
                format!("{:.1}", over(|m| m.load_processor)),
                format!("{:.1}", over(|m| m.proxy_memory)),
            ]);
        }
        table.print(markdown);
    }
}

/// Revocations. False if a call that was sent after the answer was not refused.
pub(crate) fn revocations(rounds: &[Round], markdown: bool) -> bool {
    title("revocation of an access token under load, from the request to its answer", markdown);
    let mut table =
        Table::new(["nodes", "revocations", "p50 ms", "p99 ms", "longest ms", "calls sent after", "not refused"]);
    let mut accepted_at_all = 0;
    for (at, nodes) in NODES.into_iter().enumerate() {
        let all = || rounds.iter().flat_map(|round| &round.revocations[at]);
        let took: Seen = all().map(|revocation| revocation.took.as_secs_f64() * 1000.0).collect();
        let accepted: usize = all().map(|revocation| revocation.accepted_after).sum();
        accepted_at_all += accepted;
        table.row([
            nodes.to_string(),
            all().count().to_string(),
            format!("{:.2}", took.middle()),
            format!("{:.2}", took.quantile(0.99)),
            format!("{:.2}", took.most()),
            all().map(|revocation| revocation.sent_after).sum::<usize>().to_string(),
            accepted.to_string(),
        ]);
    }
    table.print(markdown);
    if accepted_at_all > 0 {
        println!("\nREVOKED TOKENS WERE ACCEPTED");
    }
    accepted_at_all == 0
}

/// Memory in MiB.
pub(crate) fn memory(memory: &[Memory], markdown: bool) {
    title("memory in MiB, of all processes together, shared pages counted once", markdown);
    let mut table = Table::new(["", "fresh", "under load, 64 connections", "idle after it"]);
    for Memory { name, fresh, loaded, after } in memory {
        table.row([(*name).to_owned(), format!("{fresh:.1}"), format!("{loaded:.1}"), format!("{after:.1}")]);
    }
    table.print(markdown);
}
