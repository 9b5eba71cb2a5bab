//! `sallyport keys retire`

use std::time::Duration;

use clap::Args;

use super::{Kind, file, rotate};
use crate::{
    cli::{CliError, Installation, Place, output},
    cluster,
    keys::{
        KeyKind,
        rotation::{
            counted, describe, outside,
            retire::{self, Retired},
        },
    },
    store::{
        Store,
        keys::{Holders, KeyValues},
    },
};

/// How long to wait until running processes have put the key aside. They look every two seconds.
const PATIENCE: Duration = Duration::from_secs(6);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport keys retire pepper kx3Jd81aQ --config FILE            nothing needs it any more
  sallyport keys retire pepper kx3Jd81aQ --force --config FILE    known to others, or lost

Refuses while the key is in use or anything needs it; `sallyport keys list` says what. A retired key is never used again, \
whatever a key file says. It is taken out of the key file; other nodes leave theirs aside until it is taken out there, too.")]
pub(crate) struct RetireArgs {
    /// Its kind.
    kind: Kind,
    /// Its id, as `sallyport keys list` has it.
    id: String,
    #[command(flatten)]
    place: Place,
    /// End what still needs the key: says first what that is, and asks. Also for a key in use that is lost.
    #[arg(long)]
    force: bool,
    /// Do not ask.
    #[arg(long, requires = "force")]
    yes: bool,
}

pub(super) async fn run(args: RetireArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "keys retire").await?;
    let store = installation.store().await?;
    let done = retire(&installation, &store, &args).await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn retire(installation: &Installation, store: &Store, args: &RetireArgs) -> Result<(), CliError> {
    let (kind, id) = (KeyKind::from(args.kind), args.id.as_str());
    let keyring = installation.keyring()?;
    let recorder = installation.recorder();
    if args.force {
        let values = retire::would_end(store, &keyring, &recorder, (kind, id)).await?;
        warn(kind, id, &values)?;
        if !values.is_empty() && !args.yes {
            output::confirm("")?;
        }
    }
    let (retired, ticket) = retire::retire(store, &keyring, &recorder, (kind, id), args.force).await?;
    cluster::settle_elsewhere(store, ticket).await?;
    if args.force {
        rotate::wait(store, (kind, id), PATIENCE, Holders::none_knows).await?;
    }
    told(kind, id, &retired)?;
    if args.force {
        left(outside::holders(store, kind, id).await?)?;
    }
    take_out(installation, kind, id)
}

/// What will end, in words.
fn warn(kind: KeyKind, id: &str, values: &[KeyValues]) -> Result<(), CliError> {
    if values.is_empty() {
        return output::line(format_args!("the {kind} key {id} holds nothing"));
    }
    output::line(format_args!("the {kind} key {id} holds {}:", describe(values)))?;
    for KeyValues { what, live, spent, .. } in values {
        if *live > 0 {
            output::line(format_args!("  {}: {}", counted(*live, what), fate(what)))?;
        }
        if *spent > 0 {
            let spent = counted(*spent, &format!("spent {what}"));
            output::line(format_args!("  {spent}: if one comes back, nobody notices that it is a replay"))?;
        }
    }
    Ok(())
}

fn fate(what: &str) -> &'static str {
    match what {
        "access_token" => "refused from now on; clients that hold another refresh token get another one",
        "refresh_token" => "each ends with all that came of it: its person logs in again",
        "authorization_code" | "authorization_request" => "a login under way: it begins again",
        "device_authorization" => "a device under way: it begins again",
        "session" => "a login in a browser: its person logs in again",
        "client_secret" => "works no more: the client needs another one",
        "registration_token" => "works no more: the client cannot change its registration",
        "signing_key" => "replaced at once: upstreams that keep the key set do not know the new one for a minute",
        _ => "works no more",
    }
}

fn told(kind: KeyKind, id: &str, retired: &Retired) -> Result<(), CliError> {
    match (&retired.replaced_by, retired.already) {
        (_, true) => output::line(format_args!("the {kind} key {id} was retired before")),
        (None, _) => output::line(format_args!("retired the {kind} key {id}")),
        (Some(other), _) => output::line(format_args!("retired the {kind} key {id}; {other} is in use instead")),
    }
}

/// What ended with the key has ended everywhere; a process that still knows the key can only not find anything under it.
fn left(holders: Holders) -> Result<(), CliError> {
    match holders.know {
        0 => Ok(()),
        know => output::line(format_args!(
            "{know} of {} registered processes have not put it aside yet: each does when it next reads the database, within \
             seconds, unless it stands still or is gone",
            holders.processes
        )),
    }
}

/// Takes the key out of the key file. What cannot be changed from here is said.
fn take_out(installation: &Installation, kind: KeyKind, id: &str) -> Result<(), CliError> {
    let by_hand = |place: &str| {
        output::line(format_args!(
            "take the [[{}]] with this id out of {place} yourself: it is of no use there, and `serve` leaves it aside",
            kind.name()
        ))
    };
    let Some(mut held) = file::hold(&installation.config.keys)? else { return by_hand("SALLYPORT_KEYS") };
    if !held.keys.remove(kind, id) {
        return Ok(());
    }
    let path = held.path().display().to_string();
    match held.replace() {
        Ok(()) => output::line(format_args!(
            "took it out of {path}. Do the same on other nodes. Keep backup copies as long as dumps of their time: those \
             dumps need it."
        )),
        Err(error) => {
            output::error(&error);
            by_hand(&path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_that_the_command_line_takes() {
        use clap::ValueEnum as _;

        use crate::keys::rotation::command_word;
        let words: Vec<_> = KeyKind::ALL.map(command_word).into();
        let kinds: Vec<KeyKind> = Kind::value_variants().iter().map(|kind| (*kind).into()).collect();
        assert_eq!(kinds, KeyKind::ALL);
        for (kind, word) in Kind::value_variants().iter().zip(words) {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), word);
        }
    }
}
