//! `sallyport client approve`, `suspend`, `resume`, `remove`

use super::{ApproveArgs, RemoveArgs, ResumeArgs, SuspendArgs, list::word};
use crate::{
    cli::{CliError, output},
    clients::{
        Status,
        standing::{self, Remember},
    },
    cluster,
    http::pages::display_text,
    store::{self, clients::standing as rows},
};

/// The longest name in a sentence, in characters.
const NAME: usize = 60;

pub(super) async fn approve(args: ApproveArgs) -> Result<(), CliError> {
    let chosen = args.which.open("client approve").await?;
    let remember = match (args.remember, args.unproved) {
        (false, _) => Remember::No,
        (true, false) => Remember::Software,
        (true, true) => Remember::WhateverSaysSo,
    };
    let mut tx = chosen.tx().await?;
    let approved = standing::approve(&mut tx, &chosen.installation.recorder(), &chosen.id, remember).await?;
    tx.commit().await?;
    let (id, slug) = (chosen.id.clone(), chosen.tenant.slug.clone());
    chosen.close().await?;
    let others = match approved.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(", and {} of the same software", output::amount(more as u64, "other client")),
    };
    output::line(format_args!("approved {id} in {slug}{others}"))?;
    match remember {
        Remember::No => Ok(()),
        Remember::Software | Remember::WhateverSaysSo => {
            output::line("later registrations of this software are approved at once")
        }
    }
}

pub(super) async fn suspend(args: SuspendArgs) -> Result<(), CliError> {
    let chosen = args.which.open_to_take_away("client suspend").await?;
    let mut tx = chosen.tx().await?;
    let recorder = chosen.installation.recorder();
    let ticket = standing::suspend(&mut tx, &recorder, &chosen.id, args.reason.as_deref()).await?;
    tx.commit().await?;
    cluster::settle_elsewhere(&chosen.store, Some(ticket)).await?;
    let (id, slug) = (chosen.id.clone(), chosen.tenant.slug.clone());
    chosen.close().await?;
    output::line(format_args!("suspended {id} in {slug}: nothing of it is accepted until `sallyport client resume`"))
}

pub(super) async fn resume(args: ResumeArgs) -> Result<(), CliError> {
    let chosen = args.which.open("client resume").await?;
    let mut tx = chosen.tx().await?;
    let status = standing::resume(&mut tx, &chosen.installation.recorder(), &chosen.id).await?;
    tx.commit().await?;
    let (id, slug) = (chosen.id.clone(), chosen.tenant.slug.clone());
    chosen.close().await?;
    let note = if status == Status::Pending { ", so it waits for an approval again" } else { "" };
    output::line(format_args!("resumed {id} in {slug}: it is {} as before{note}", word(status)))
}

pub(super) async fn remove(args: RemoveArgs) -> Result<(), CliError> {
    let chosen = args.which.open_to_take_away("client remove").await?;
    let mut tx = chosen.tx().await?;
    if !args.yes {
        let name = store::clients::find(&mut tx, &chosen.id).await?.map(|client| display_text(client.name(), NAME));
        let grants = rows::grants(&mut tx, &chosen.id).await?;
        tx.commit().await?;
        output::confirm(&format!(
            "This removes {} ({}) from {} with {}. Whoever uses it must add the server again in it.\n",
            chosen.id,
            name.unwrap_or_default(),
            chosen.tenant.slug,
            output::amount(grants.unsigned_abs(), "grant")
        ))?;
        tx = chosen.tx().await?;
    }
    let ticket = standing::remove(&mut tx, &chosen.installation.recorder(), &chosen.id).await?;
    tx.commit().await?;
    cluster::settle_elsewhere(&chosen.store, Some(ticket)).await?;
    let (id, slug) = (chosen.id.clone(), chosen.tenant.slug.clone());
    chosen.close().await?;
    output::line(format_args!("removed {id} from {slug}"))
}
