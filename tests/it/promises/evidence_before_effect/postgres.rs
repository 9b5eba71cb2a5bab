//! Postgres stopped, crashed and full, under load.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use sallyport::{
    clock::Clock,
    dev::postgres::{Durability, PrivatePostgres},
    jobs,
    store::{Limits, Store, audit_log::PLATFORM},
};
use tokio_util::sync::CancellationToken;

use super::{
    changes::Changes,
    crowd::{ended, everybody},
    door::Door,
    load::{ACCEPT, Calls, SLOW},
    told,
};
use crate::{
    gateway::world::{BOTH, World},
    harness::{app::TestApp, db::TestDb, scratch::Scratch},
};

/// Clients that call.
const CALLING: usize = 6;
/// Clients that renew their tokens.
const RENEWING: usize = 2;

struct Server {
    scratch: Scratch,
    running: Option<PrivatePostgres>,
}

impl Server {
    async fn start() -> Self {
        let mut this = Self { scratch: Scratch::new(), running: None };
        this.go_on().await;
        this
    }

    async fn go_on(&mut self) {
        self.running = Some(PrivatePostgres::start(&self.scratch.path("pg"), Durability::None).await.unwrap());
    }

    fn pgdata(&self) -> PathBuf {
        self.scratch.path("pg").join("pgdata")
    }

    fn pid(&self) -> Pid {
        let file = fs::read_to_string(self.pgdata().join("postmaster.pid")).unwrap();
        Pid::from_raw(file.lines().next().unwrap().parse().unwrap()).unwrap()
    }

    async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    /// Sessions are broken off, and nothing is put in order.
    async fn crash(&mut self) {
        let running = self.running.take().unwrap();
        kill_process(self.pid(), Signal::QUIT).unwrap();
        running.ended().await;
    }
}

/// A disk on which the table of events may not grow: the kernel refuses what would make its file longer, as it does where
/// no block is left, by the same call of the same server. Other files are short enough to go on.
struct FullDisk {
    pgdata: PathBuf,
    limited: Vec<Pid>,
}

impl FullDisk {
    async fn new(world: &World, server: &Server) -> Self {
        // In the partition of the events that follow, and longer than a segment of the write-ahead log, which must go on.
        let fill = "insert into audit_event (tenant, id, at, kind, version, body)
                    select $1, overlay(gen_random_uuid()::text placing '00000000' from 1)::uuid, now(), 'filler', 1, jsonb_build_object('x', repeat('x', 1500))
                      from generate_series(1, 13000)";
        let owner = &world.app.db.owner;
        sqlx::query(fill).bind(world.tenant.id.0).execute(owner).await.unwrap();
        let length = "select pg_relation_size(tableoid) from audit_event where kind = 'filler' limit 1";
        let length: i64 = sqlx::query_scalar(length).fetch_one(owner).await.unwrap();
        assert!(length > 17 << 20, "{length} bytes");
        let sessions = "select pid from pg_stat_activity where usename = 'sallyport_app'";
        let sessions: Vec<i32> = sqlx::query_scalar(sessions).fetch_all(owner).await.unwrap();
        let sessions = sessions.into_iter().filter_map(Pid::from_raw);
        // Sessions to come have it from the server.
        let limited = std::iter::once(server.pid()).chain(sessions).collect();
        let disk = Self { pgdata: server.pgdata(), limited };
        disk.limit(&length.to_string());
        disk
    }

    /// Asks as the user of the server: root may not be allowed to.
    fn limit(&self, length: &str) {
        let user = fs::metadata(&self.pgdata).unwrap();
        for process in &self.limited {
            let mut prlimit = Command::new("prlimit");
            prlimit.args([format!("--pid={}", process.as_raw_pid()), format!("--fsize={length}:")]).current_dir("/");
            if geteuid().is_root() {
                prlimit.uid(user.uid()).gid(user.gid());
            }
            let done = prlimit.output().unwrap();
            // A session may have ended.
            let gone = test_kill_process(*process).is_err();
            assert!(done.status.success() || gone, "{}", String::from_utf8_lossy(&done.stderr));
        }
    }

    /// There is space again. Sessions that began meanwhile have the limit of the server's, so they are ended.
    async fn clear(self, world: &World) {
        self.limit("unlimited");
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sallyport_app'";
        world.app.db.as_superuser(end).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_postgres_no_answer_is_without_evidence_and_it_goes_on() {
    let mut server = Server::start().await;
    let db = TestDb::alone(server.running.as_ref().unwrap()).await;
    let store = Store::connect(db.options(), 6, Limits::Serving).await.unwrap();
    let world = Arc::new(World::around(TestApp::over(db, store, Clock::system(), |_| {}).await).await);
    for statement in [ACCEPT].into_iter().chain(SLOW) {
        world.change(statement).await;
    }
    let stop = CancellationToken::new();
    let _jobs = (jobs::start(world.app.app.clone(), stop.clone()), stop.drop_guard());

    let calls = Arc::new(Calls::default());
    let changes = Arc::new(Changes::prepare(&world.app, &world.tenant, RENEWING, 8).await);
    let mut tokens = Vec::new();
    for _ in 0..CALLING {
        tokens.push(world.token(&BOTH).await);
    }
    let clients = everybody(&Door::of(&world.app), &calls, &changes, &Arc::new(tokens));
    calls.answered(40).await;
    changes.all_tried().await;

    server.stop().await;
    calls.refused(40).await;
    server.go_on().await;
    calls.answered(40).await;

    for _ in 0..2 {
        server.crash().await;
        server.go_on().await;
        calls.answered(40).await;
    }

    let disk = FullDisk::new(&world, &server).await;
    calls.refused(40).await;
    disk.clear(&world).await;
    calls.answered(40).await;
    changes.more(4).await;

    ended(clients).await;
    let told = told(&world).await;
    calls.check(&world.upstream, &told);
    changes.check(&world.app.db.owner).await;
    assert!(told.iter().all(|told| told.end() != "unknown"), "this process has not died");
    tokio::time::timeout(Duration::from_secs(60), async { world.app.app.calls.flush().await }).await.unwrap().unwrap();
    // The log went on whenever it could.
    for log in [world.tenant.id, PLATFORM] {
        crate::audit::sequence::whole(&world.app, log).await;
    }
}
