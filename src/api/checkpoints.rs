//! Signed checkpoints of the audit log, and copies of it that others can check.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{Body, Check, Findings, Params},
    caller::{Caller, answer},
    list::Asked,
    problem::Problem,
};
use crate::{
    audit::{
        checkpoints::{self, LogKeys, parse_place, short},
        download::{self, Exports, NotTaken},
        export::{Period, moment},
        log::{Checkpoint, Origin},
    },
    http::attachment::archive,
    store::{
        StoreError, TenantTx,
        audit_checkpoints::{self as rows, KeptRow},
        audit_log,
        audit_ship::{self, Kind},
    },
};

/// Which checkpoints.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListCheckpoints {
    /// The `next` of the part before.
    #[param(pattern = "^[0-9]{1,9}-[0-9]{1,18}$")]
    after: Option<String>,
    /// Checkpoints at most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

impl Asked for ListCheckpoints {
    fn q(&self) -> Option<&str> {
        None
    }

    fn after(&self) -> Option<&str> {
        None
    }

    fn limit(&self) -> Option<u16> {
        self.limit
    }
}

impl Check for ListCheckpoints {
    fn check(&self, findings: &mut Findings) {
        self.check_part(findings);
        let digits = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let place = |text: &str| text.split_once('-').is_some_and(|(epoch, next)| digits(epoch, 9) && digits(next, 18));
        if !self.after.as_deref().is_none_or(place) {
            findings.add("after", "must be the `next` of another part");
        }
    }
}

/// By what a checkpoint is signed.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CheckpointSignature {
    /// A key of the key file.
    Known,
    /// A key that the log says was in use.
    Earlier,
    /// No key of this log: somebody put it there.
    None,
}

/// A signed checkpoint: how many entries the log had, and what stands for each letter of them.
#[derive(Serialize, ToSchema)]
struct SignedCheckpoint {
    /// Its name in addresses.
    id: String,
    /// The log's name.
    origin: String,
    epoch: i32,
    entries: u64,
    /// The root of the tree; null where the note cannot be read.
    root: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    signed_at: OffsetDateTime,
    signature: CheckpointSignature,
    /// Name and id of the key.
    key: Option<String>,
}

/// Whether something is told checkpoints, or events.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TargetKind {
    /// Keeps checkpoints out of reach of whoever runs the installation.
    Anchor,
    /// Gets each event.
    Collector,
}

/// An anchor or a collector of the configuration, and how far it is.
#[derive(Serialize, ToSchema)]
struct LogTarget {
    name: String,
    kind: TargetKind,
    /// As the configuration has it: `s3`, for instance.
    sort: &'static str,
    /// Entries of the newest checkpoint that an anchor has, or entries that a collector has.
    entries: u64,
    /// Checkpoints, or entries, that it was not sent yet.
    missing: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    accepted_at: Option<OffsetDateTime>,
    /// Since when it does not answer.
    #[serde(with = "time::serde::rfc3339::option")]
    away_since: Option<OffsetDateTime>,
}

/// A witness, and what it has seen last.
#[derive(Serialize, ToSchema)]
struct LogWitness {
    name: String,
    entries: u64,
    /// By its clock.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// A part of the checkpoints, and how it is with the log.
#[derive(Serialize, ToSchema)]
pub(super) struct Checkpoints {
    /// The checkpoints, the newest first.
    items: Vec<SignedCheckpoint>,
    /// Give this as `after` for the next part; null at the end.
    next: Option<String>,
    /// The log's name.
    origin: String,
    /// Entries of the log. Those that no checkpoint is over are signed within seconds.
    entries: u64,
    /// Since when the oldest event waits to come into the log; null: none does.
    #[serde(with = "time::serde::rfc3339::option")]
    waiting_since: Option<OffsetDateTime>,
    /// What to verify with, the key in use first. Give it to auditors by another way than the log.
    keys: Vec<String>,
    targets: Vec<LogTarget>,
    witnesses: Vec<LogWitness>,
}

fn view(keys: &LogKeys, kept: &KeptRow) -> SignedCheckpoint {
    let signer = keys.signer(kept);
    SignedCheckpoint {
        id: checkpoints::name(kept),
        origin: kept.origin.to_string(),
        epoch: kept.place.epoch,
        entries: kept.place.next,
        root: Checkpoint::unverified(&kept.note).map(|said| said.root.to_string()).ok(),
        signed_at: kept.signed_at,
        signature: match signer {
            Some((_, true)) => CheckpointSignature::Known,
            Some((_, false)) => CheckpointSignature::Earlier,
            None => CheckpointSignature::None,
        },
        key: signer.map(|(key, _)| short(&key)),
    }
}

async fn targets(caller: &Caller, tx: &mut TenantTx) -> Result<Vec<LogTarget>, StoreError> {
    let mut targets = Vec::new();
    for courier in &caller.app.couriers {
        let standing = audit_ship::standing(tx, courier.kind(), courier.name()).await?;
        targets.push(LogTarget {
            name: courier.name().to_owned(),
            kind: match courier.kind() {
                Kind::Anchor => TargetKind::Anchor,
                Kind::Ship => TargetKind::Collector,
            },
            sort: courier.sort(),
            entries: standing.place.next,
            missing: standing.missing,
            accepted_at: standing.accepted_at,
            away_since: standing.away_since,
        });
    }
    Ok(targets)
}

async fn part(caller: &Caller, tx: &mut TenantTx, asked: &ListCheckpoints) -> Result<Checkpoints, StoreError> {
    let part = asked.part();
    let head = audit_log::head(tx).await?;
    let before = asked.after.as_deref().and_then(parse_place);
    let mut kept = rows::before(tx, before, part.limit()).await?;
    let more = kept.len() > usize::try_from(part.size).unwrap_or(usize::MAX);
    kept.truncate(usize::try_from(part.size).unwrap_or(usize::MAX));
    let newest = rows::before(tx, None, 1).await?.pop();
    let origin = match (&newest, &head) {
        (Some(newest), _) => newest.origin.clone(),
        (None, Some(head)) => head.origin.clone(),
        (None, None) => Origin::of(&caller.app.config.public_url, tx.tenant(), 1),
    };
    let keys = LogKeys::of(&caller.app.keyring, tx, origin).await?;
    let seen = match &newest {
        Some(newest) => checkpoints::witnesses(tx, newest).await?,
        None => Vec::new(),
    };
    Ok(Checkpoints {
        items: kept.iter().map(|kept| view(&keys, kept)).collect(),
        next: kept.last().filter(|_| more).map(|last| checkpoints::place(last.place)),
        origin: keys.origin().to_string(),
        entries: head.map_or(0, |head| head.size),
        waiting_since: audit_log::waiting_since(tx).await?,
        keys: keys.lines(),
        targets: targets(caller, tx).await?,
        witnesses: seen.into_iter().map(|(name, entries, at)| LogWitness { name, entries, at }).collect(),
    })
}

/// Lists signed checkpoints of the log, the newest first, with who outside was told of them.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/checkpoints", tag = "audit", params(ListCheckpoints),
    responses((status = OK, description = "A part of the list, and how it is with the log.", body = Checkpoints)))]
pub(super) async fn list_checkpoints(
    caller: Caller,
    Params(asked): Params<ListCheckpoints>,
) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let part = part(&caller, &mut tx, &asked).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    Ok(answer(StatusCode::OK, part))
}

/// The signed text of a checkpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckpointNote {
    id: String,
    /// A signed note, with what witnesses have signed of it: keep it, and nobody can change what is before it.
    note: String,
}

/// Shows the signed text of a checkpoint.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/checkpoints/{id}", tag = "audit",
    responses((status = OK, description = "The text.", body = CheckpointNote)))]
pub(super) async fn show_checkpoint(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let found = checkpoints::named(&mut tx, &caller.object).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    let (kept, note) = found.ok_or_else(|| caller.nothing("checkpoint"))?;
    Ok(answer(StatusCode::OK, CheckpointNote { id: checkpoints::name(&kept), note }))
}

/// Which part of the log.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportPeriod {
    /// The first day (UTC); null: from the beginning. There are some entries around it, too.
    #[schema(format = Date)]
    from: Option<String>,
    /// The last day, all of it; null: to the newest checkpoint.
    #[schema(format = Date)]
    to: Option<String>,
}

impl Check for ExportPeriod {
    fn check(&self, findings: &mut Findings) {
        let day = |text: &Option<String>| {
            text.as_deref().is_none_or(|text| text.len() == "2026-08-03".len() && moment(text, 0).is_ok())
        };
        for (name, text) in [("from", &self.from), ("to", &self.to)] {
            if !day(text) {
                findings.add(name, "must be a date such as 2026-08-03");
            }
        }
    }
}

/// A tar archive.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is only described: what is sent is made piece by piece")]
pub(super) struct ExportArchive(Vec<u8>);

/// Exports the log: an archive that anybody can check without this server, with `sallyport audit verify`. The log says who took it. One
/// at a time.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/audit/export", tag = "audit", request_body = ExportPeriod,
    responses((status = OK, description = "The archive. What broke off has no manifest.", content_type = "application/x-tar", body = ExportArchive)))]
pub(super) async fn export_log(caller: Caller, Body(body): Body<ExportPeriod>) -> Result<Response, Problem> {
    let day = |text: &Option<String>| text.clone().unwrap_or_default();
    let period = Period::of_days(&day(&body.from), &day(&body.to));
    let period = period.map_err(|(which, why)| caller.refused(format!("Nothing was exported: {which}: {why}.")))?;
    let app = &caller.app;
    let exports = Exports { store: &app.store, keyring: &app.keyring, turns: &app.exports };
    let taken = download::take(exports, &caller.tenant, (&caller.recorder(), caller.person), period).await;
    let (name, chunks) = taken.map_err(|error| match error {
        NotTaken::Busy => caller.conflict("Somebody exports a log right now: try again when that is done."),
        NotTaken::NothingSigned => caller.conflict("Nothing of the log is signed yet: try again in some seconds."),
        error => caller.fault(error),
    })?;
    Ok(archive(&name, chunks))
}
