//! `sallyport keys list`

use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    cli::{CliError, Installation, Json, Place, output},
    keys::{
        KeyKind, SigningAlg, SigningState,
        rotation::{
            describe,
            outside::{self, InFile, KeyState, OutsideKey},
        },
    },
    store::{
        Store,
        keys::{SigningKeyRow, signing_key_rows},
    },
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport keys list --config FILE
  sallyport keys list --json --config FILE

A key that is neither in use nor needed any more can be retired. What a key holds is counted over all tenants; what has \
expired or was revoked does not count. Spent tokens work no more: by them a replay is told from noise.")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Show retired signing keys, too. JSON always has them.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    json: Json,
}

/// Everything, for programs.
#[derive(Serialize)]
struct Listing {
    outside: Vec<Outside>,
    signing: Vec<Signing>,
}

#[derive(Serialize)]
struct Outside {
    kind: KeyKind,
    id: String,
    state: KeyState,
    #[serde(with = "time::serde::rfc3339::option")]
    known_since: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    in_use_since: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    retired_at: Option<OffsetDateTime>,
    in_file: InFile,
    /// Running processes that serve, and how many of them know the key.
    processes: i64,
    processes_that_know: i64,
    holds: Vec<Held>,
}

#[derive(Serialize)]
struct Held {
    what: String,
    live: u64,
    spent: u64,
}

#[derive(Serialize)]
struct Signing {
    tenant: String,
    kid: String,
    alg: SigningAlg,
    state: SigningState,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it signs from, or signed from.
    #[serde(with = "time::serde::rfc3339")]
    signs_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    published_until: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    retired_at: Option<OffsetDateTime>,
}

pub(super) async fn run(args: ListArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "keys list").await?;
    let store = installation.store().await?;
    let listed = list(&installation, &store).await;
    store.close().await;
    installation.close().await?;
    let (listing, now) = listed?;
    if args.json.json { output::json(&listing) } else { print(&listing, args.all, now) }
}

async fn list(installation: &Installation, store: &Store) -> Result<(Listing, OffsetDateTime), CliError> {
    // A file that does not fit is shown, too: that is what this command is for.
    let keyring = installation.keyring()?;
    let now = installation.clock.now();
    let outside = outside::all(store, &keyring, now).await?.into_iter().map(Outside::from).collect();
    let mut signing = Vec::new();
    for tenant in store.tenants().await?.into_iter().filter(|tenant| tenant.status != "removed") {
        let mut tx = store.tenant_tx(tenant.id).await?;
        let rows = signing_key_rows(&mut tx, false).await?;
        tx.commit().await?;
        signing.extend(rows.into_iter().map(|row| Signing::of(&tenant.slug, row)));
    }
    Ok((Listing { outside, signing }, now))
}

impl From<OutsideKey> for Outside {
    fn from(key: OutsideKey) -> Self {
        let OutsideKey { kind, id, state, since, in_use_since, retired_at, in_file, holders, values } = key;
        let held = values.into_iter().map(|values| Held { what: values.what, live: values.live, spent: values.spent });
        Self {
            kind,
            id,
            state,
            known_since: since,
            in_use_since,
            retired_at,
            in_file,
            processes: holders.processes,
            processes_that_know: holders.know,
            holds: held.collect(),
        }
    }
}

impl Signing {
    fn of(tenant: &str, row: SigningKeyRow) -> Self {
        let SigningKeyRow { kid, alg, state, created_at, active_at, published_until, retired_at } = row;
        let tenant = tenant.to_owned();
        Self { tenant, kid, alg, state, created_at, signs_at: active_at, published_until, retired_at }
    }
}

fn print(listing: &Listing, all: bool, now: OffsetDateTime) -> Result<(), CliError> {
    let outside: Vec<_> = listing.outside.iter().map(outside_row).collect();
    output::table(&outside.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())?;
    let shown = |key: &&Signing| all || key.state != SigningState::Retired;
    let signing: Vec<_> = listing.signing.iter().filter(shown).map(|key| signing_row(key, now)).collect();
    output::table(&signing.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())?;
    match (listing.signing.len() - signing.len()) as u64 {
        0 => Ok(()),
        1 => output::line("1 retired signing key is not shown: --all shows it"),
        hidden => output::line(format_args!("{hidden} retired signing keys are not shown: --all shows them")),
    }
}

fn outside_row(key: &Outside) -> [String; 5] {
    let at = |at: Option<OffsetDateTime>| at.map(output::minute).unwrap_or_default();
    let state = match key.state {
        KeyState::New => "new, never used".to_owned(),
        KeyState::InUse => format!("in use since {}", at(key.in_use_since)),
        KeyState::Older => format!("older, in use from {}", at(key.in_use_since)),
        KeyState::Retired => format!("retired {}", at(key.retired_at)),
    };
    let file = match (key.in_file, key.state) {
        (InFile::Different, _) => "NOT the key of this id in the key file",
        (InFile::Yes, KeyState::Retired) => "still in the key file: take it out",
        (InFile::Yes, _) | (InFile::No, KeyState::Retired) => "",
        (InFile::No, KeyState::New) => "not in this key file",
        (InFile::No, _) => "MISSING in the key file",
    };
    let lacking = key.processes - key.processes_that_know;
    let file = match key.state {
        KeyState::New if lacking > 0 => format!("unknown to {lacking} of {} known processes", key.processes),
        _ => file.to_owned(),
    };
    let live = key.holds.iter().map(|held| crate::store::keys::KeyValues {
        kind: key.kind,
        id: key.id.clone(),
        what: held.what.clone(),
        live: held.live,
        spent: held.spent,
    });
    let holds = match key.state {
        KeyState::Retired => String::new(),
        _ => format!("holds {}", describe(&live.collect::<Vec<_>>())),
    };
    [key.kind.name().to_owned(), key.id.clone(), state, holds, file]
}

fn signing_row(key: &Signing, now: OffsetDateTime) -> [String; 5] {
    let until = |at: Option<OffsetDateTime>| at.map(output::minute).unwrap_or_default();
    let state = match key.state {
        SigningState::Next => format!("published, signs from {}", output::minute(key.signs_at)),
        SigningState::Active => format!("in use since {}", output::minute(key.signs_at)),
        SigningState::Published => format!("published until {}", until(key.published_until)),
        SigningState::Retired => format!("retired {}", until(key.retired_at)),
    };
    let age = format!("{} days old", (now - key.created_at).whole_days());
    [format!("signing {}", key.tenant), key.kid.clone(), key.alg.name().to_owned(), state, age]
}
