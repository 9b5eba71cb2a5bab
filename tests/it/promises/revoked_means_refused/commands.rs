//! Commands are other processes, which serve nobody: what they take away is refused everywhere when they return.

use futures_util::future::join;
use sqlx::PgPool;

use super::{
    attack::{Doomed, Revoker, Tally, round},
    siege::{LEAST, Siege, VICTIM},
};
use crate::harness::{
    nodes::{Nodes, Seen, Side, poll},
    scratch::Scratch,
};

const ALL: [usize; 3] = [0, 1, 2];
const TRIES: usize = 30;

/// A file for `apply`: one server of the tenant, and whether server and tenant are on.
struct File {
    scratch: Scratch,
    upstream: String,
}

impl File {
    async fn apply(&self, nodes: &Nodes, tenant: bool, server: bool) {
        let text = format!(
            "[[tenant]]\nslug = \"acme\"\nname = \"Tenant acme\"\nenabled = {tenant}\n\
             [[tenant.server]]\nslug = \"closing\"\nupstream = \"{0}\"\naudience = \"{0}#closing\"\nenabled = {server}\n",
            self.upstream
        );
        let file = self.scratch.write("acme.toml", &text).display().to_string();
        let said = nodes.command(&["apply", &file]).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_takes_away_is_refused_when_it_returns() {
    let nodes = Nodes::start(3).await;
    let closing = nodes.app.server(nodes.tenant.id, "acme", "closing", &nodes.upstream.url).await;
    let file = File { scratch: Scratch::new(), upstream: nodes.upstream.url.clone() };

    let tally = Tally::default();
    let bob = nodes.app.person(nodes.tenant.id, "bob").await.id;
    for (args, lock) in [
        (&["grant", "revoke", "--person", "bob", "--yes"][..], "select from access_grant where person = $1 for update"),
        (&["person", "disable", "bob"], "select from person where id = $1 for update"),
    ] {
        let command = async {
            let said = nodes.command(&[args, &["--tenant", "acme"]].concat()).await;
            assert_eq!(said.code, 0, "{}", said.err);
        };
        let siege = Siege::of(&nodes, &tally, bob, &nodes.server).await;
        in_a_black_hole(&nodes, siege, (lock, bob.0), command).await;
    }
    let siege = Siege::of(&nodes, &tally, nodes.tenant.person.id, &closing).await;
    let lock = ("select from server where id = $1 for update", closing.id.0);
    in_a_black_hole(&nodes, siege, lock, file.apply(&nodes, true, false)).await;
    tally.conclude("a command, and one node in a black hole", &nodes, 3 * LEAST);

    let tally = Tally::default();
    file.apply(&nodes, true, true).await;
    let closed = nodes.holdings_of(nodes.tenant.person.id, closing.id, 2).await;
    let doomed = || closed.iter().map(|holding| Doomed::of("closing", &holding.access[0])).collect::<Vec<_>>();
    for tenant in [true, false] {
        // The server is disabled, and then the tenant.
        let doomed = doomed();
        let act = Box::pin(file.apply(&nodes, tenant, !tenant));
        let revoker = Revoker { act, ends: doomed.iter().collect() };
        round(&nodes, &tally, &ALL, &doomed.iter().collect::<Vec<_>>(), vec![revoker], TRIES).await;
        file.apply(&nodes, true, true).await;
    }
    a_tenant_that_is_being_read(&nodes, &tally, &file, &closed[0].access[1]).await;
    tally.conclude("commands", &nodes, ALL.len() * TRIES * 5);
}

/// The command waits for a row. When it does, one node, whose lease is as fresh as ever, hears nothing any more; then the
/// command gets its row and goes on.
async fn in_a_black_hole(
    nodes: &Nodes,
    siege: Siege<'_>,
    (lock, id): (&'static str, uuid::Uuid),
    command: impl Future<Output = ()>,
) {
    let (owner, proxy) = (&nodes.app.db.owner, &nodes.node(VICTIM).proxy);
    let act = async {
        let mut row = owner.begin().await.unwrap();
        assert!(sqlx::query(lock).bind(id).execute(&mut *row).await.unwrap().rows_affected() > 0);
        let hole = async {
            poll("the command to wait", async || is_waited_for(owner).await).await;
            proxy.hold();
            row.commit().await.unwrap();
        };
        join(command, hole).await;
    };
    siege.end_by(act, async || proxy.release()).await;
}

/// Whether somebody waits for a row of this database.
async fn is_waited_for(owner: &PgPool) -> bool {
    let waits = "select exists (select from pg_locks l join pg_stat_activity a on a.pid = l.pid
                   where not l.granted and l.locktype in ('transactionid', 'tuple') and a.datname = current_database())";
    sqlx::query_scalar(waits).fetch_one(owner).await.unwrap()
}

/// A node reads its servers, and has not kept them when one of them is disabled.
async fn a_tenant_that_is_being_read(nodes: &Nodes, tally: &Tally, file: &File, token: &str) {
    let doomed = Doomed::of("closing", token);
    let caller = || doomed.caller(nodes, 0);
    poll("the server to be there again", async || caller().echo(token).await == Seen::Accepted).await;
    // Any change of a server makes all nodes read the tenant anew.
    nodes.app.server(nodes.tenant.id, "acme", "another", &nodes.upstream.url).await;
    let held = nodes.node(0).proxy.hold_next(Side::Answer, SERVERS);
    let (call, mut early) = (caller().prepare(token, crate::harness::nodes::ECHO), caller());
    let id = call.id;
    let reading = tokio::spawn(async move { early.send(call).await });
    held.caught().await;
    file.apply(nodes, true, false).await;
    doomed.answer();
    held.release();
    tally.late(0, id, reading.await.unwrap());
    super::attack::late(nodes, tally, &ALL, &[&doomed], TRIES).await;
    file.apply(nodes, true, true).await;
}

/// In the statement with which a node reads the servers of a tenant.
const SERVERS: &str = "from server where";
