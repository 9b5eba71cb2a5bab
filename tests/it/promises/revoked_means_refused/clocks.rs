//! Wall clocks take no part: they differ by hours, and jump, and nothing that is revoked is accepted, nor is anybody else
//! refused.
//!
//! The wall clock of a real process is the machine's, which a test must not turn. So these are two applications in this
//! process, each with a clock of its own, over one database and real HTTP. Leases are measured by another clock, which
//! nobody can set.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use sallyport::{
    app::{self, App},
    clock::Clock,
    ids::FamilyId,
    keys::Keyring,
    token::revoke::{self, Reason},
};
use time::macros::datetime;

use crate::{
    gateway::world::{BOTH, World},
    harness::{
        nodes::{Caller, Seen, poll},
        web::{Web, limits},
    },
};

const TRIES: usize = 20;
const MINUTES: Duration = Duration::from_secs(20 * 60);
const HOURS: Duration = Duration::from_secs(5 * 3600);
/// What the wait lasts at least where a node is silent: a lease.
const LEASE: Duration = Duration::from_secs(1);

/// Two processes whose clocks do not agree.
struct Two {
    here: World,
    there: Arc<App>,
    clock: Clock,
    web: Web,
}

impl Two {
    /// `there` is two hours behind.
    async fn start() -> Self {
        let here = World::start().await;
        let App { config, store, entropy, .. } = &*here.app.app;
        let (clock, keyring) = (Clock::manual(datetime!(2026-08-03 08:00 UTC)), Keyring::parse(&here.app.key_file));
        let (config, store, entropy) = (config.clone(), store.clone(), entropy.clone());
        let there = App::start(config, keyring.unwrap(), store, clock.clone(), entropy).await.unwrap();
        let web = Web::serve(app::routes::router(there.clone()), &limits(), Duration::ZERO);
        Self { here, there, clock, web }
    }

    /// A caller at each.
    fn callers(&self) -> [Caller; 2] {
        let host = self.here.app.base.trim_start_matches("http://");
        let here: SocketAddr = host.parse().unwrap();
        [here, self.web.address].map(|address| Caller::new(address, host, "/t/acme/mcp/tools"))
    }

    /// Turns one clock or both.
    fn turn(&self, which: usize, by: Duration) {
        if which != 1 {
            self.here.app.clock.advance(by);
        }
        if which != 0 {
            self.clock.advance(by);
        }
    }

    async fn revoke(&self, at: usize, family: FamilyId) {
        let app = if at == 0 { &self.here.app.app } else { &self.there };
        let mut tx = app.store.tenant_tx(self.here.tenant.id).await.unwrap();
        let ticket = revoke::family(&mut tx, &app.recorder(None), family, Reason::PersonRevoked).await.unwrap();
        tx.commit().await.unwrap();
        app.node.settle(ticket).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wall_clocks_take_no_part() {
    let two = Two::start().await;
    let mut callers = two.callers();
    for round in 0..12 {
        let token = two.here.token(&BOTH).await;
        for caller in &mut callers {
            assert_eq!(caller.sure(&token.text).await, Seen::Accepted);
        }
        two.turn(round % 3, MINUTES);
        for caller in &mut callers {
            assert_eq!(caller.sure(&token.text).await, Seen::Accepted, "a clock that jumps takes nothing away");
        }
        two.revoke(round % 2, token.family).await;
        for _ in 0..TRIES {
            for caller in &mut callers {
                assert_eq!(caller.sure(&token.text).await, Seen::Refused);
            }
        }
    }
    a_jump_shortens_no_wait(&two, &mut callers).await;
}

/// A node is registered and silent, so it is waited for: a lease by the clock that nobody sets.
async fn a_jump_shortens_no_wait(two: &Two, callers: &mut [Caller; 2]) {
    let silent = "insert into node (id, process, applied, registered_at)
                  select gen_random_uuid(), gen_random_uuid(), seq, now() from authority_head";
    for at in 0..2 {
        let token = two.here.token(&BOTH).await;
        sqlx::query(silent).execute(&two.here.app.db.owner).await.unwrap();
        let begun = Instant::now();
        let before = head(two).await;
        let jumping = async {
            // In the middle of the wait.
            poll("the entry to be in the log", async || head(two).await > before).await;
            two.turn(2, HOURS);
        };
        tokio::join!(two.revoke(at, token.family), jumping);
        assert!(begun.elapsed() >= LEASE, "{:?}", begun.elapsed());
        for caller in &mut *callers {
            assert_eq!(caller.sure(&token.text).await, Seen::Refused);
        }
    }
}

/// The newest number in the authority log.
async fn head(two: &Two) -> i64 {
    sqlx::query_scalar("select seq from authority_head").fetch_one(&two.here.app.db.owner).await.unwrap()
}
