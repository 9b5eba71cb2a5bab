//! `sallyport grant revoke`

use std::time::Instant;

use serde::Serialize;

use super::{RevokeArgs, choice::Chosen};
use crate::{
    cli::{CliError, Installation, output, output::amount},
    cluster,
    ids::{GrantId, TenantId},
    store::{
        Store,
        grants::many::{self, Extent, Selection},
    },
    token::kill_switch::{self, Revoked},
};

/// What was done, for programs.
#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    revoked: Revoked,
    seconds: f64,
}

pub(super) async fn run(args: RevokeArgs) -> Result<(), CliError> {
    args.choice.tenants.check()?;
    let installation = Installation::open(&args.place, "grant revoke").await?;
    let store = installation.store_to_take_away().await?;
    let chosen = choose(&args, &store, &installation).await?;
    if let Some(chosen) = chosen {
        let began = Instant::now();
        let (revoked, ticket) = kill_switch::revoke(&store, &installation.recorder(), &chosen).await?;
        cluster::settle_elsewhere(&store, Some(ticket)).await?;
        say(&args, revoked, began.elapsed().as_secs_f64())?;
    }
    store.close().await;
    installation.close().await
}

/// What is to be taken back. None: there is nothing, and that was said.
async fn choose(
    args: &RevokeArgs,
    store: &Store,
    installation: &Installation,
) -> Result<Option<Vec<(TenantId, Selection)>>, CliError> {
    let mut chosen = args.choice.find(store).await?;
    if !args.ids.is_empty() {
        let ids: Vec<GrantId> = args.ids.iter().copied().map(GrantId).collect();
        for chosen in &mut chosen {
            chosen.selection.ids = Some(ids.clone());
        }
        return all_there(args, store, installation, &chosen).await.map(|()| Some(selections(chosen)));
    }
    let extent = extent(store, installation, &chosen).await?;
    if extent.grants == 0 {
        settled(store).await?;
        say(args, Revoked::default(), 0.0)?;
        return Ok(None);
    }
    if !args.yes {
        confirm(args, &extent)?;
    }
    Ok(Some(selections(chosen)))
}

fn selections(chosen: Vec<Chosen>) -> Vec<(TenantId, Selection)> {
    chosen.into_iter().map(|chosen| (chosen.tenant.id, chosen.selection)).collect()
}

/// Whoever names a grant means that one.
async fn all_there(
    args: &RevokeArgs,
    store: &Store,
    installation: &Installation,
    chosen: &[Chosen],
) -> Result<(), CliError> {
    let mut there = Vec::new();
    for chosen in chosen {
        let mut tx = store.tenant_tx(chosen.tenant.id).await?;
        let rows = many::standing(&mut tx, &chosen.selection, installation.clock.now()).await?;
        tx.commit().await?;
        there.extend(rows.into_iter().map(|row| row.id));
    }
    match args.ids.iter().find(|id| !there.contains(&GrantId(**id))) {
        Some(id) => {
            settled(store).await?;
            Err(CliError::NoGrant { grant: GrantId(*id), place: args.choice.tenants.place().to_owned() })
        }
        None => Ok(()),
    }
}

/// Somebody may have taken back just now what is not there: returns when no node accepts it any more.
async fn settled(store: &Store) -> Result<(), CliError> {
    let mut tx = store.platform_tx().await?;
    let ticket = cluster::taken_anywhere(&mut tx).await?;
    tx.commit().await?;
    Ok(cluster::settle_elsewhere(store, Some(ticket)).await?)
}

async fn extent(store: &Store, installation: &Installation, chosen: &[Chosen]) -> Result<Extent, CliError> {
    let mut sum = Extent::default();
    for chosen in chosen {
        let mut tx = store.tenant_tx(chosen.tenant.id).await?;
        let one = many::extent(&mut tx, &chosen.selection, installation.clock.now()).await?;
        tx.commit().await?;
        sum = Extent {
            grants: sum.grants + one.grants,
            families: sum.families + one.families,
            subjects: sum.subjects + one.subjects,
            clients: sum.clients + one.clients,
        };
    }
    Ok(sum)
}

/// Says what will happen and waits for a word. On standard error, since standard output is for what was done.
fn confirm(args: &RevokeArgs, extent: &Extent) -> Result<(), CliError> {
    let of = |count: i64, thing| amount(count.unsigned_abs(), thing);
    let Extent { grants, families, subjects, clients } = *extent;
    let question = format!(
        "This takes back {} ({}) in {}: what {} gave {}.\nTheir tokens stop working, calls in flight are cut, and everybody is \
         asked again.\n",
        of(grants, "grant"),
        of(families, "installation"),
        args.choice.tenants.place(),
        of(subjects, "person"),
        of(clients, "client"),
    );
    output::confirm(&question)
}

fn say(args: &RevokeArgs, revoked: Revoked, seconds: f64) -> Result<(), CliError> {
    if args.json.json {
        return output::json(&Printed { revoked, seconds });
    }
    let Revoked { grants, installations } = revoked;
    if grants == 0 {
        return output::line(format_args!(
            "nothing to revoke: no such grant is in force in {}",
            args.choice.tenants.place()
        ));
    }
    output::line(format_args!(
        "Revoked {} ({}) in {seconds:.2} s: no node accepts them any more.",
        amount(grants, "grant"),
        amount(installations, "installation")
    ))
}
