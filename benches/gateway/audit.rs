//! The audit log: how fast events are written and put into it, and what exporting and verifying a large one takes.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    CONNECTIONS, Round, Tokens,
    harness::scratch::Scratch,
    load::{self, Question, Watched, Window},
    report::title,
    site::{BEFORE, OVERLAP, Site},
    table::{Seen, Table},
};

/// How often it is looked at what has become of something.
const LOOK: Duration = Duration::from_millis(10);
/// Logs are verified at this part of their size, too, so that it is seen whether memory grows with them.
const PART: u64 = 10;

/// Events while calls run.
struct Written {
    /// A second.
    recorded: f64,
    /// A second, while the load ran.
    sequenced: f64,
    /// Until all were in the log, after the load had ended.
    behind: Duration,
}

/// What a command took.
struct Took {
    events: u64,
    what: &'static str,
    seconds: f64,
    /// At most, in MiB.
    memory: f64,
    /// On the disk, in MiB.
    size: f64,
}

/// Measures it all, and prints it.
pub(crate) async fn measure(site: &Site, (rounds, events): (u32, u64), window: Window, markdown: bool) {
    let tokens = Tokens::of(site).await;
    let mut written: [Vec<Written>; 2] = Default::default();
    for _ in 0..rounds {
        for (mode, (tenant, access)) in [(BEFORE, &tokens.before), (OVERLAP, &tokens.overlap)].into_iter().enumerate() {
            written[mode].push(under_load(site, tenant, access, window).await);
        }
    }
    let sequenced = make(site, events / PART).await;
    let mut took = commands(site, events / PART).await;
    let all = make(site, events - events / PART).await;
    took.extend(commands(site, events).await);
    print(&written, [(events / PART, sequenced), (events - events / PART, all)], &took, markdown);
}

async fn count(site: &Site, table: &str) -> u64 {
    let count = format!("select count(*) from {table}");
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&site.db.owner).await.unwrap();
    count.try_into().unwrap()
}

/// The time until all events are in their logs.
async fn level(site: &Site) -> Duration {
    let begun = Instant::now();
    while count(site, "audit_entry e join tenant t on t.id = e.tenant").await < count(site, "audit_event").await {
        tokio::time::sleep(LOOK).await;
    }
    begun.elapsed()
}

async fn under_load(site: &Site, tenant: &str, access: &str, window: Window) -> Written {
    level(site).await;
    let before = (count(site, "audit_event").await, count(site, "audit_entry").await);
    let watched = Watched { proxy: None, database: None };
    let question = Question {
        call: site.call(0, tenant, access),
        connections: CONNECTIONS[CONNECTIONS.len() - 1],
        window,
        watched,
    };
    let begun = Instant::now();
    load::measure(&question);
    let seconds = begun.elapsed().as_secs_f64();
    let after = (count(site, "audit_event").await, count(site, "audit_entry").await);
    #[expect(clippy::cast_precision_loss, reason = "far fewer")]
    let rate = |count: u64| count as f64 / seconds;
    Written { recorded: rate(after.0 - before.0), sequenced: rate(after.1 - before.1), behind: level(site).await }
}

/// Writes so many events into the log of a tenant, and returns how long it took to put them there, once they were written.
async fn make(site: &Site, events: u64) -> Duration {
    let fill = "insert into audit_event (tenant, id, at, kind, version, request_id, body)
        select t.id,
               (lpad(to_hex(floor(extract(epoch from now()) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text || t.id || random()), 1, 3)
                || 'a' || substr(md5(random()::text), 1, 15))::uuid,
               now(), 'call.intent', 1, 'bench-' || n,
               jsonb_build_object('family', gen_random_uuid(), 'client', 'bench', 'subject', 'person:' || t.id, 'server', t.id,
                                  'era', 'modern', 'method', 'tools/call', 'name', 'update', 'arguments', md5(n::text) || md5(n::text),
                                  'read_only', false, 'evidence', 'before')
          from tenant t, generate_series(1, $2) n where t.slug = $1";
    let events = i64::try_from(events).unwrap();
    sqlx::query(fill).bind(BEFORE).bind(events).execute(&site.db.owner).await.unwrap();
    level(site).await
}

async fn commands(site: &Site, events: u64) -> Vec<Took> {
    // The newest checkpoint is of all of it.
    let signed = "select not exists (select from audit_log l where l.size > 0 and not exists
                  (select from audit_checkpoint c where (c.tenant, c.epoch, c.size) = (l.tenant, l.epoch, l.size)))";
    while !sqlx::query_scalar::<_, bool>(signed).fetch_one(&site.db.owner).await.unwrap() {
        tokio::time::sleep(LOOK).await;
    }
    let files = Scratch::new();
    let out = files.path("export").display().to_string();
    let key = site.say(&["audit", "key", "--tenant", BEFORE]);
    let exported = timed(site.command(&["audit", "export", "--tenant", BEFORE, "--out", &out]));
    let verified = timed(site.command(&["audit", "verify", &out, "--key", key.trim()]));
    let size = size(&files.path("export"));
    [("export", exported), ("verify", verified)]
        .map(|(what, (seconds, memory))| Took { events, what, seconds, memory, size })
        .into()
}

/// Runs a command to its end: how long it took, and the most memory that it had, in MiB.
fn timed(mut command: Command) -> (f64, f64) {
    let begun = Instant::now();
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut most = 0.0_f64;
    let status = loop {
        // The peak, which only grows.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(peak.unwrap_or(0.0) / 1024.0);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    assert!(status.success(), "{command:?}");
    (begun.elapsed().as_secs_f64(), most)
}

/// Of all files below, in MiB.
fn size(directory: &std::path::Path) -> f64 {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            #[expect(clippy::cast_precision_loss, reason = "far fewer")]
            if meta.is_dir() { size(&entry.path()) } else { meta.len() as f64 / f64::from(1 << 20) }
        })
        .sum()
}

fn print(written: &[Vec<Written>; 2], made: [(u64, Duration); 2], took: &[Took], markdown: bool) {
    title(&format!("events of calls, {} connections", CONNECTIONS[CONNECTIONS.len() - 1]), markdown);
    let mut table =
        Table::new(["", "recorded a second", "put into the log a second", "all of them, ms after the load"]);
    for (name, rounds) in [BEFORE, OVERLAP].into_iter().zip(written) {
        let over = |number: fn(&Written) -> f64| rounds.iter().map(number).collect::<Seen>().middle();
        table.row([
            name.to_owned(),
            format!("{:.0}", over(|written| written.recorded)),
            format!("{:.0}", over(|written| written.sequenced)),
            format!("{:.0}", over(|written| written.behind.as_secs_f64() * 1000.0)),
        ]);
    }
    table.print(markdown);
    title("events that were there already, put into the log", markdown);
    let mut table = Table::new(["events", "seconds", "a second"]);
    for (events, seconds) in made {
        #[expect(clippy::cast_precision_loss, reason = "far fewer")]
        let rate = events as f64 / seconds.as_secs_f64();
        table.row([events.to_string(), format!("{:.1}", seconds.as_secs_f64()), format!("{rate:.0}")]);
    }
    table.print(markdown);
    title("an export, and its verification", markdown);
    let mut table = Table::new(["", "events", "seconds", "events a second", "most memory, MiB", "files, MiB"]);
    for Took { events, what, seconds, memory, size } in took {
        #[expect(clippy::cast_precision_loss, reason = "far fewer")]
        let rate = *events as f64 / seconds;
        table.row([
            (*what).to_owned(),
            events.to_string(),
            format!("{seconds:.1}"),
            format!("{rate:.0}"),
            format!("{memory:.1}"),
            format!("{size:.0}"),
        ]);
    }
    table.print(markdown);
}

/// What a call takes longer than one to the upstream alone, by the way of keeping evidence.
pub(crate) fn added(names: &[&str], rounds: &[Round], markdown: bool) {
    title("what a call takes longer than one to the upstream alone, in ms", markdown);
    let mut table = Table::new(["", "connections", "p50", "p99"]);
    for (row, name) in names.iter().enumerate().filter(|(_, name)| name.starts_with("Sallyport")) {
        for (column, connections) in CONNECTIONS.into_iter().enumerate() {
            let added = |of: fn(&load::Measured) -> f64| {
                let more = |round: &Round| of(&round.calls[row][column]) - of(&round.calls[0][column]);
                rounds.iter().map(more).collect::<Seen>().middle()
            };
            table.row([
                (*name).to_owned(),
                connections.to_string(),
                format!("{:.3}", added(|measured| measured.p50)),
                format!("{:.3}", added(|measured| measured.p99)),
            ]);
        }
    }
    table.print(markdown);
}
