//! `sallyport keys rotate`

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use time::OffsetDateTime;

use super::file;
use crate::{
    cli::{CliError, Installation, Place, output},
    cluster,
    keys::{
        KeyFile, KeyFileError, KeyKind, Keyring,
        rotation::{
            RotationError, command_word, describe,
            outside::{self, KeyState, OutsideKey},
            signing,
        },
    },
    store::{Store, keys::Holders, tenants::TenantRow},
};

const ASK: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(crate) enum RotateCommand {
    /// Let other signing keys follow, in one tenant or in all.
    Signing(SigningArgs),
    /// Let another pepper follow: hashes of tokens, secrets and sessions are made with it from then on.
    Pepper(FileArgs),
    /// Let another key-encryption key follow: signing keys are sealed under it, old ones within moments.
    Kek(FileArgs),
    /// Let another key of audit handles follow.
    #[command(alias = "audit_handle")]
    AuditHandle(FileArgs),
    /// Let another key sign the checkpoints of audit logs. They carry signatures by the keys before it, too, until these are retired.
    Checkpoint(FileArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport keys rotate signing --config FILE                      all tenants
  sallyport keys rotate signing --tenant acme --config FILE
  sallyport keys rotate signing --tenant acme --now --config FILE  the key is known to others

The next key is published first and signs after keys.signing_lead_minutes, so that every upstream knows it by then. The \
one before it stays published until what it signed has expired. `serve` does the same by itself after \
keys.signing_rotate_days.")]
pub(crate) struct SigningArgs {
    #[command(flatten)]
    place: Place,
    /// The tenant, by its name in addresses. Without it: all.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Stop the old keys at once. Upstreams that keep the key set believe them, and do not know the new ones, until they
    /// read it again: a minute at most, if they go by what they are told.
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport keys rotate pepper --config FILE
  sallyport keys rotate kek --out - --config FILE | vault kv put secret/sallyport keys=-

Adds a key to the key file, waits until every process that serves has read it, and then puts it in use. If other nodes \
have key files of their own, copy this one to them and run the same command again: it goes on where it was. What was \
stored under the key before moves by itself; `sallyport keys list` shows how far it is, `sallyport keys retire` ends it.")]
pub(crate) struct FileArgs {
    #[command(flatten)]
    place: Place,
    /// Add the key and do not use it yet: run the same command again without this.
    #[arg(long)]
    stage: bool,
    /// Write the key file with the new key there instead of changing it, and do not use the key yet; - is standard output.
    /// For keys that come from SALLYPORT_KEYS or that this program cannot write.
    #[arg(long, value_name = "FILE", conflicts_with = "stage")]
    out: Option<PathBuf>,
    /// How long to wait for running processes to read the key file, in seconds. They look every two.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    wait: u16,
}

pub(super) async fn run(command: RotateCommand) -> Result<(), CliError> {
    match command {
        RotateCommand::Signing(args) => rotate_signing(args).await,
        RotateCommand::Pepper(args) => rotate_outside(args, KeyKind::Pepper, "keys rotate pepper").await,
        RotateCommand::Kek(args) => rotate_outside(args, KeyKind::Kek, "keys rotate kek").await,
        RotateCommand::AuditHandle(args) => {
            rotate_outside(args, KeyKind::AuditHandle, "keys rotate audit-handle").await
        }
        RotateCommand::Checkpoint(args) => rotate_outside(args, KeyKind::Checkpoint, "keys rotate checkpoint").await,
    }
}

// ---------------------------------------------------------------- keys of the key file

async fn rotate_outside(args: FileArgs, kind: KeyKind, command: &'static str) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, command).await?;
    let lacks =
        matches!(installation.keyring(), Err(CliError::KeyFile(KeyFileError::Missing(lacking))) if lacking == kind);
    if lacks && let Some(id) = file::complete(&installation, kind)? {
        output::line(format_args!(
            "added the {kind} key {id}, the first of its kind: back it up, apart from the database"
        ))?;
        return installation.close().await;
    }
    let store = installation.store().await?;
    let done = outside(&installation, &store, &args, kind).await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn outside(installation: &Installation, store: &Store, args: &FileArgs, kind: KeyKind) -> Result<(), CliError> {
    let keyring = installation.keyring()?;
    store.check_keys(&keyring, &installation.recorder()).await?;
    let id = match outside::new_key(store, &keyring, kind).await? {
        // What is not a key file must not get to where one is expected.
        Some(id) if args.out.is_some() => return Err(CliError::KeyWaits { kind, id }),
        // It was added before and never used: this goes on where that ended.
        Some(id) => id,
        None => match &args.out {
            Some(out) => return write_out(installation, out, kind),
            None => add(installation, &keyring, kind)?,
        },
    };
    if args.stage {
        return output::line(format_args!(
            "the {kind} key {id} is in the key file, and not in use yet: run `sallyport keys rotate {}` again once every \
             node has that file",
            command_word(kind)
        ));
    }
    use_it(installation, store, &keyring, (kind, &id), Duration::from_secs(args.wait.into())).await
}

/// Adds a key to the key file. The keyring then has it, too.
fn add(installation: &Installation, keyring: &Keyring, kind: KeyKind) -> Result<String, CliError> {
    let Some(mut held) = file::hold(&installation.config.keys)? else { return Err(CliError::KeysInVariable) };
    let id = held.keys.add(kind, &installation.entropy)?;
    held.replace()?;
    keyring.replace(&held.keys.keyring()?);
    output::line(format_args!(
        "added the {kind} key {id} to {}: back it up, apart from the database",
        held.path().display()
    ))?;
    Ok(id)
}

fn write_out(installation: &Installation, out: &Path, kind: KeyKind) -> Result<(), CliError> {
    let mut keys = KeyFile::parse(&installation.config.keys.text()?)?;
    keys.add(kind, &installation.entropy)?;
    file::write_new(out, &keys.render())
}

async fn use_it(
    installation: &Installation,
    store: &Store,
    keyring: &Keyring,
    (kind, id): (KeyKind, &str),
    patience: Duration,
) -> Result<(), CliError> {
    let recorder = installation.recorder();
    store.check_keys(keyring, &recorder).await?;
    wait(store, (kind, id), patience, Holders::all_know).await?;
    match outside::put_in_use(store, keyring, &recorder, kind, id).await {
        Err(RotationError::NotEverywhere { lacking, processes, .. }) => {
            return Err(CliError::KeyNotEverywhere { kind, id: id.to_owned(), lacking, processes });
        }
        result => result?,
    }
    wait(store, (kind, id), patience, Holders::all_use_it).await?;
    output::line(format_args!("the {kind} key {id} is in use"))?;
    say_what_is_next(store, keyring, kind, recorder.clock.now()).await
}

/// The keys before it are to be retired some day.
async fn say_what_is_next(
    store: &Store,
    keyring: &Keyring,
    kind: KeyKind,
    now: OffsetDateTime,
) -> Result<(), CliError> {
    let keys = outside::all(store, keyring, now).await?;
    for OutsideKey { id, values, .. } in keys.iter().filter(|key| key.kind == kind && key.state == KeyState::Older) {
        let retire = format!("sallyport keys retire {} {id}", command_word(kind));
        if values.is_empty() {
            output::line(format_args!("{id} holds nothing any more: `{retire}`"))?;
        } else {
            let values = describe(values);
            output::line(format_args!(
                "{id} still holds {values}; `sallyport keys list` shows when it holds nothing, then `{retire}`"
            ))?;
        }
    }
    Ok(())
}

/// Returns when the processes that serve have reported so, or after a while.
pub(super) async fn wait(
    store: &Store,
    (kind, id): (KeyKind, &str),
    patience: Duration,
    good: fn(&Holders) -> bool,
) -> Result<(), CliError> {
    let reported = async {
        while !good(&outside::holders(store, kind, id).await?) {
            tokio::time::sleep(ASK).await;
        }
        Ok(())
    };
    tokio::time::timeout(patience, reported).await.unwrap_or(Ok(()))
}

// ---------------------------------------------------------------- signing keys

async fn rotate_signing(args: SigningArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "keys rotate signing").await?;
    let store = installation.store().await?;
    let done = signing(&installation, &store, &args).await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn signing(installation: &Installation, store: &Store, args: &SigningArgs) -> Result<(), CliError> {
    let keyring = installation.keyring()?;
    store.check_keys(&keyring, &installation.recorder()).await?;
    let tenants: Vec<TenantRow> = store.tenants().await?.into_iter().filter(|row| row.status != "removed").collect();
    let meant = |row: &&TenantRow| args.tenant.as_ref().is_none_or(|slug| *slug == row.slug);
    let chosen: Vec<&TenantRow> = tenants.iter().filter(meant).collect();
    if let (Some(asked), true) = (&args.tenant, chosen.is_empty()) {
        let known = tenants.into_iter().map(|row| row.slug).collect();
        return Err(CliError::NoTenant { asked: asked.clone(), known });
    }
    for tenant in chosen {
        one_tenant(installation, store, &keyring, tenant, args.now).await?;
    }
    Ok(())
}

async fn one_tenant(
    installation: &Installation,
    store: &Store,
    keyring: &Keyring,
    tenant: &TenantRow,
    now: bool,
) -> Result<(), CliError> {
    let recorder = installation.recorder();
    let lead = installation.config.keys.signing.lead;
    let mut tx = store.tenant_tx(tenant.id).await?;
    let (following, ticket) = match now {
        true => signing::at_once(&mut tx, keyring, &recorder).await.map(|(keys, ticket)| (keys, Some(ticket)))?,
        false => signing::begin(&mut tx, keyring, &recorder, lead).await?,
    };
    tx.commit().await?;
    cluster::settle_elsewhere(store, ticket).await?;
    for key in following {
        let (slug, alg, kid) = (&tenant.slug, key.alg.name(), &key.kid);
        match (now, key.already) {
            (true, _) => output::line(format_args!("{slug}: {alg} {kid} signs, those before it are gone"))?,
            (false, already) => output::line(format_args!(
                "{slug}: {alg} {kid} {} and signs from {} on",
                if already { "was published before" } else { "is published" },
                output::minute(key.signs_at)
            ))?,
        }
    }
    Ok(())
}
