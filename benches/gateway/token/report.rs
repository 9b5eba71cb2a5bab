//! What is printed of it.

use super::{
    super::{
        CONNECTIONS,
        load::Measured,
        report::title,
        table::{Seen, Table},
    },
    Bench, Kind, Round,
};

/// Which server the others are compared with.
const REFERENCE: usize = 1;

impl Kind {
    const fn title(self) -> &'static str {
        match self {
            Self::Code => "token endpoint, authorization codes",
            Self::Refresh => "token endpoint, refreshes with rotation",
            Self::Credentials => "token endpoint, client credentials",
            Self::Introspection => "introspection of live access tokens",
        }
    }
}

/// A table of each kind.
pub(crate) fn tables(bench: &Bench, rounds: &[&Round], markdown: bool) {
    for kind in Kind::ALL {
        title(kind.title(), markdown);
        if kind == Kind::Code {
            println!("Sallyport: each grant is on the disk, with its audit event, before it is answered.");
            println!("{}: all in memory, gone with the process.\n", bench.version);
        }
        let mut table = Table::new([
            "",
            "× oidc-provider",
            "× its CPU",
            "× its CPU, with database",
            "a second",
            "p50 ms",
            "p99 ms",
            "CPU µs",
            "database µs",
        ]);
        for (column, connections) in CONNECTIONS.into_iter().enumerate() {
            for server in 0..bench.servers.len() {
                let name = format!("{}, {connections} connection{}", bench.servers[server].name, plural(connections));
                line(&mut table, name, rounds, |round, at| round.of(at, kind, column), server);
            }
        }
        table.print(markdown);
        let silent = (0..bench.servers.len()).filter(|at| rounds.iter().all(|round| round.of(*at, kind, 0).is_none()));
        for server in silent {
            println!("\n{} has no introspection endpoint in its metadata: not measured.", bench.servers[server].name);
        }
    }
}

fn line<'a>(
    table: &mut Table,
    name: String,
    rounds: &[&'a Round],
    of: impl Fn(&'a Round, usize) -> Option<&'a Measured>,
    server: usize,
) {
    let seen = |number: fn(&Measured) -> f64| -> Option<Seen> {
        rounds.iter().map(|round| of(round, server).map(number)).collect()
    };
    let against = |number: fn(&Measured) -> f64| -> String {
        let ratio = |round: &&'a Round| Some(number(of(round, server)?) / number(of(round, REFERENCE)?));
        let ratios: Option<Seen> = rounds.iter().map(ratio).collect();
        ratios.filter(|_| server != REFERENCE).map_or("–".to_owned(), |ratios| ratios.ratio())
    };
    let Some(rate) = seen(|m| m.per_second) else { return };
    let middle = |number| seen(number).map_or(0.0, |seen| seen.middle());
    let database = middle(|m| m.database_processor);
    table.row([
        name,
        against(|m| m.per_second),
        against(|m| m.proxy_processor),
        against(|m| m.proxy_processor + m.database_processor),
        format!("{:.0}", rate.middle()),
        format!("{:.2}", middle(|m| m.p50)),
        format!("{:.2}", middle(|m| m.p99)),
        format!("{:.0}", middle(|m| m.proxy_processor)),
        if server == REFERENCE { "–".to_owned() } else { format!("{database:.0}") },
    ]);
}

fn plural(connections: usize) -> &'static str {
    if connections == 1 { "" } else { "s" }
}
