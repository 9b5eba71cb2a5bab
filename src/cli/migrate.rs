//! `sallyport migrate`

use clap::Args;

use super::{CliError, Installation, Json, Place, output};
use crate::store::schema;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport migrate --config /etc/sallyport/sallyport.toml
  SALLYPORT_DATABASE__OWNER_URL=postgres://sallyport_owner@db/sallyport sallyport migrate

Connects with database.owner_url. Forward only; running it again changes nothing.")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(args: MigrateArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "migrate").await?;
    let applied = schema::migrate(&installation.owner_options()?, &installation.recorder()).await?;
    installation.close().await?;
    if args.json.json {
        return output::json(&applied);
    }
    for migration in &applied {
        output::line(format_args!("applied {:04} {}", migration.version, migration.description))?;
    }
    if applied.is_empty() { output::line("the database is up to date") } else { Ok(()) }
}
