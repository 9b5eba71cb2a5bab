//! `sallyport audit hash`

use std::io::{self, IsTerminal as _, Read as _};

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::{
    cli::{CliError, Installation, Place, output},
    ids::EventId,
    secret,
};

/// The most that is read: a message of a client is smaller.
const MOST: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit hash --config FILE                  asks for a token and does not show it
  pass show token | sallyport audit hash --config FILE
  sallyport audit hash --arguments EVENT --config FILE < params.json
  sallyport audit hash --arguments EVENT --salt --config FILE

Prints a line for each audit-handle key of the key file; look for them in an export. Arguments are the raw bytes of `params` \
as the client sent them. Whoever has the salt of an event can check a claim on its arguments, and on no others: the digest is \
SHA-256 of the salt and the arguments.")]
pub(in crate::cli) struct HashArgs {
    /// The arguments of the call with this event, raw from standard input.
    #[arg(long, value_name = "EVENT-ID")]
    arguments: Option<uuid::Uuid>,
    /// Print the salt of that event, to be given to somebody who checks, and read nothing.
    #[arg(long, requires = "arguments")]
    salt: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: HashArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "audit hash").await?;
    let done = print(&installation, &args);
    let closed = installation.close().await;
    done.and(closed)
}

fn print(installation: &Installation, args: &HashArgs) -> Result<(), CliError> {
    let keyring = installation.keyring()?;
    let lines = match args.arguments.map(EventId) {
        Some(event) if args.salt => {
            let salts = keyring.argument_salts(event);
            salts.iter().map(|salt| format!("{}:{}", salt.key_id(), secret::hex(salt.bytes()))).collect()
        }
        Some(event) => {
            let arguments = read()?;
            keyring.argument_salts(event).iter().map(|salt| salt.digest(&arguments)).collect()
        }
        None => keyring.audit_handles(&token()?),
    };
    lines.iter().try_for_each(output::line)
}

/// From a pipe, or asked for where somebody types. Never from the command line, where every process can read it.
fn token() -> Result<Zeroizing<String>, CliError> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        output::prompt("token (not shown): ")?;
        let _quiet = Quiet::begin()?;
        let mut line = Zeroizing::new(String::new());
        stdin.read_line(&mut line).map_err(unread)?;
        output::prompt("\n")?;
        line
    } else {
        let mut text = Zeroizing::new(String::new());
        stdin.lock().take(MOST).read_to_string(&mut text).map_err(unread)?;
        text
    };
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn read() -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    io::stdin().lock().take(MOST).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

fn unread(source: io::Error) -> CliError {
    CliError::Read { path: "standard input".into(), source }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Result<Self, CliError> {
        let before = tcgetattr(io::stdin()).map_err(|error| unread(error.into()))?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).map_err(|error| unread(error.into()))?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing else can be done about it.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
