//! `sallyport apply`

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{CliError, Installation, Json, Place, output, probe};
use crate::{
    apply::{self, Document, Plan, Prune, ReadContext, Tools},
    cluster,
    people::PasswordHasher,
    store::Store,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport apply acme.toml --dry-run            see what would change
  sallyport apply acme.toml                      change it, all or nothing
  sallyport apply acme.toml --prune              also remove what it made and the file names no more
  sallyport apply acme.toml --probe              also propose catalogues of what servers offer
  sallyport apply - < acme.toml --data-dir DIR   a development installation, running or not

A file:
  [[tenant]]
  slug = \"acme\"
  name = \"Acme\"
  [[tenant.server]]
  slug = \"github\"
  upstream = \"https://mcp.internal/github\"
  [[tenant.person]]
  username = \"ada\"
  password = { file = \"ada.password\" }

A secret is { file = \"…\" }, { env = \"…\" } or, for a person, { hash = \"$argon2id$…\" }; paths start at the file's \
directory. What the file does not name stays as it is. Running it again changes nothing.")]
pub(super) struct ApplyArgs {
    /// The file; - is standard input.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove servers, people and clients that apply made and the file does not name, in the tenants that it names.
    #[arg(long)]
    prune: bool,
    /// Also remove whole tenants that apply made and the file does not name. Their issuers are never used again.
    #[arg(long, requires = "prune")]
    prune_tenants: bool,
    /// Ask each server of the file what it offers, under a JWT of Sallyport's own, and print a catalogue to accept. A
    /// server checks that JWT with the tenant's key set, so `sallyport serve` must be running.
    #[arg(long, conflicts_with = "json")]
    probe: bool,
    #[command(flatten)]
    json: Json,
}

/// A plan for programs.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    dry_run: bool,
}

pub(super) async fn run(args: ApplyArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "apply").await?;
    let document = read(&args.file, &installation)?;
    let store = installation.store().await?;
    apply_to(&installation, &store, &document, &args).await?;
    store.close().await;
    installation.close().await
}

async fn apply_to(
    installation: &Installation,
    store: &Store,
    document: &Document,
    args: &ApplyArgs,
) -> Result<(), CliError> {
    let keyring = installation.keyring()?;
    if args.dry_run {
        store.compare_keys(&keyring).await?;
    } else {
        store.check_keys(&keyring, &installation.recorder()).await?;
    }
    let hasher = PasswordHasher::new(&installation.config.login, installation.entropy.clone())?;
    let recorder = installation.recorder();
    let tools = Tools { store, keyring: &keyring, hasher: &hasher, recorder: &recorder };
    let prepared = apply::prepare(tools, document, args.prune()).await?;
    print(prepared.plan(), args)?;
    let nothing_to_do = prepared.plan().is_empty();
    if args.dry_run {
        drop(prepared);
    } else {
        let ticket = prepared.commit().await?;
        cluster::settle_elsewhere(store, ticket).await?;
        if !args.json.json && !nothing_to_do {
            output::line("applied")?;
        }
    }
    if args.probe { probe::servers(installation, store, &keyring, document).await } else { Ok(()) }
}

fn read(file: &Path, installation: &Installation) -> Result<Document, CliError> {
    let failed = |source| CliError::Read { path: file.to_owned(), source };
    let stdin = file == Path::new("-");
    let text = if stdin {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(failed)?;
        text
    } else {
        std::fs::read_to_string(file).map_err(failed)?
    };
    let name = if stdin { "standard input".to_owned() } else { file.display().to_string() };
    let directory = file.parent().unwrap_or(Path::new(""));
    let context = ReadContext { file: &name, directory, public_url: &installation.config.public_url };
    Ok(Document::read(&text, context).map_err(apply::ApplyError::from)?)
}

fn print(plan: &Plan, args: &ApplyArgs) -> Result<(), CliError> {
    if args.json.json {
        return output::json(&Printed { plan, dry_run: args.dry_run });
    }
    output::line(plan)?;
    if args.dry_run && !plan.is_empty() { output::line("nothing was changed: this was a dry run") } else { Ok(()) }
}

impl ApplyArgs {
    fn prune(&self) -> Prune {
        match (self.prune, self.prune_tenants) {
            (false, _) => Prune::Nothing,
            (true, false) => Prune::Objects,
            (true, true) => Prune::ObjectsAndTenants,
        }
    }
}
