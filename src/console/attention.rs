//! What somebody should look at: the first page says it before anything else.

use time::{Duration, OffsetDateTime};

use super::{Desk, overview::amount};
use crate::{
    http::{
        pages::console::{Attention, Tone},
        words::ago,
    },
    keys::SigningState,
    store::{
        StoreError, TenantTx, audit_search, audit_ship, keys,
        overview::Counts,
        server_probes::{self, ProbeRow},
        usage,
    },
};

/// Since when faults are counted.
const LATELY: Duration = Duration::DAY;
/// A key that has signed for longer is worth a word.
const OLD: Duration = Duration::days(365);
/// Calls that come to nothing: fewer are nothing to worry about, and neither is a smaller share of all, in percent.
const MANY: i64 = 5;
const SHARE: i64 = 10;

/// What waits, what fails and what is old.
struct List<'a> {
    desk: &'a Desk,
    items: Vec<Attention>,
}

impl List<'_> {
    fn add(&mut self, tone: Tone, words: impl Into<String>, verb: &str, page: &str) {
        let href = self.desk.at(page);
        self.items.push(Attention { words: words.into(), href, verb: verb.to_owned(), tone });
    }
}

/// All of it, of a tenant.
pub(super) async fn of(desk: &Desk, tx: &mut TenantTx, counts: &Counts) -> Result<Vec<Attention>, StoreError> {
    let now = desk.visit.app.clock.now();
    let mut list = List { desk, items: Vec::new() };
    if counts.pending > 0 {
        let words = format!("{} for an approval", amount(counts.pending, "client waits", "clients wait"));
        list.add(Tone::Waits, words, "Look at them", "clients?status=pending");
    }
    failing(&mut list, &usage::failing(tx, now - LATELY).await?);
    let faults = audit_search::provider_faults(tx, now - LATELY).await?;
    if faults > 0 {
        let words =
            format!("{} at an identity provider failed in the last 24 hours", amount(faults, "login", "logins"));
        list.add(Tone::Stopped, words, "Look at them", "audit?kind=provider.");
    }
    list.items.extend(logs(desk, tx).await?);
    servers(&mut list, counts, &server_probes::all(tx).await?);
    key(&mut list, tx, now).await?;
    if counts.administrators == 1 {
        let words = "There is only one administrator: nobody can let them in again";
        list.add(Tone::Plain, words, "Make another", "people");
    }
    Ok(list.items)
}

fn failing(list: &mut List<'_>, found: &[usage::Failing]) {
    let desk = list.desk;
    for of in found.iter().filter(|of| of.failed >= MANY && of.failed * 100 >= of.all * SHARE) {
        if let Some(server) = desk.visit.tenant.server_by_id(of.server) {
            let words = format!(
                "Of {} to {} in the last 24 hours, {} got no answer",
                amount(of.all, "call", "calls"),
                server.name,
                of.failed
            );
            list.add(Tone::Stopped, words, "Ask it now", &format!("servers/{}/probe", server.slug));
        }
    }
}

/// Collectors and anchors that do not take what they are sent.
pub(super) async fn logs(desk: &Desk, tx: &mut TenantTx) -> Result<Vec<Attention>, StoreError> {
    let now = desk.visit.app.clock.now();
    let mut list = List { desk, items: Vec::new() };
    for courier in &desk.visit.app.couriers {
        let standing = audit_ship::standing(tx, courier.kind(), courier.name()).await?;
        if let (1.., Some(since)) = (standing.missing, standing.away_since) {
            let words = format!("{} takes nothing of the log: it stopped {}", courier.name(), ago(now, since));
            list.add(Tone::Stopped, words, "See what is missing", "audit/-/checkpoints");
        }
    }
    Ok(list.items)
}

fn servers(list: &mut List<'_>, counts: &Counts, probes: &[ProbeRow]) {
    let desk = list.desk;
    if counts.servers == 0 {
        let words = "There is no server yet, so nobody can be given access to one";
        list.add(Tone::Waits, words, "Add a server", "servers/-/new");
    }
    for server in desk.visit.tenant.servers.values() {
        let probe = probes.iter().find(|probe| probe.server == server.id);
        let (page, again) = (format!("servers/{}", server.slug), format!("servers/{}/probe", server.slug));
        if probe.is_some_and(|probe| probe.verifies == Some(false)) {
            let words = format!("{} took a token that was not for it: whoever reaches it can pass one on", server.name);
            list.add(Tone::Stopped, words, "Look at it", &page);
        }
        if probe.is_some_and(|probe| probe.outcome == "failed") {
            let words = format!("{} gave no usable answer when somebody last asked it", server.name);
            list.add(Tone::Stopped, words, "Ask it again", &again);
        } else if server.policy.has_no_catalogue() {
            let words = format!("Nobody has said yet what is accepted of what {} offers", server.name);
            list.add(Tone::Waits, words, "Ask it", &again);
        }
    }
}

/// The key that has signed the longest, where keys are not replaced by themselves.
async fn key(list: &mut List<'_>, tx: &mut TenantTx, now: OffsetDateTime) -> Result<(), StoreError> {
    let rows = keys::signing_key_rows(tx, false).await?;
    let oldest = rows.iter().filter(|key| key.state == SigningState::Active).map(|key| key.active_at).min();
    if let Some(since) = oldest.filter(|since| now - *since > OLD) {
        let words = format!("A key has signed for {} days", (now - since).whole_days());
        list.add(Tone::Plain, words, "Rotate", "keys/rotate");
    }
    Ok(())
}
