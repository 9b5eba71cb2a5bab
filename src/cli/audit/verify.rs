//! `sallyport audit verify`

use std::{fs, path::PathBuf, time::Instant};

use clap::Args;
use serde::Serialize;

use super::{
    keys,
    progress::{Progress, memory},
    witnesses,
};
use crate::{
    audit::{
        log::{VerifierKey, WitnessKey},
        verify::{Against, EntryName, Refusal, Report, verify},
    },
    cli::{CliError, Json, output},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit verify acme-log --key acme.vkey
  sallyport audit verify acme-log --key acme.vkey --previous last-year/checkpoint
  sallyport audit verify acme-log --key acme.vkey --witness witness.vkey
  sallyport audit verify acme-log --key 'auth.example.com/audit/01a2…+3fa8…+AQ…' --json

Checks everything from the signed checkpoint down to each entry, and says what it has proved, against what, and what it has \
not, or which entry or file does not hold. It needs no network, and its memory does not grow with the log.
Keys are those that `sallyport audit key` prints; get them from the operator by another way than the export. Without one nothing \
is known of who signed. An older checkpoint from elsewhere (your last export, a witness, a bucket, your SIEM) shows that the log \
was neither set back nor replaced since. A witness's key shows how much of the log that witness saw, and when.

Exit codes: 0 everything holds, 1 something does not, 2 wrong usage.")]
pub(in crate::cli) struct VerifyArgs {
    /// The export.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// A key of the log's operator, or a file with one a line. May be given several times.
    #[arg(long = "key", value_name = "KEY", value_parser = keys)]
    keys: Vec<Vec<VerifierKey>>,
    /// An older signed checkpoint of the log, from elsewhere.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// The key of a witness (C2SP tlog-cosignature) that must have seen the log, or a file with one a line. May be given several times.
    #[arg(long = "witness", value_name = "KEY", value_parser = witnesses)]
    witnesses: Vec<Vec<WitnessKey>>,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Verified<'a> {
    verified: bool,
    authenticated: bool,
    #[serde(flatten)]
    report: &'a Report,
}

#[derive(Serialize)]
struct Refused<'a> {
    verified: bool,
    file: &'a str,
    entry: Option<&'a EntryName>,
    why: String,
}

pub(super) fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let keys = args.keys.concat();
    let read =
        |path: &PathBuf| fs::read_to_string(path).map_err(|source| CliError::Read { path: path.clone(), source });
    let previous = args.previous.as_ref().map(read).transpose()?;
    let began = Instant::now();
    let mut progress = Progress::new();
    let witnesses = args.witnesses.concat();
    let against = Against { keys: &keys, previous: previous.as_deref(), witnesses: &witnesses };
    let found = verify(&args.dir, against, &mut |done, total| progress.at(done, total));
    drop(progress);
    match found {
        Ok(report) if args.json.json => {
            output::json(&Verified { verified: true, authenticated: report.authenticated(), report: &report })
        }
        Ok(report) => {
            output::line(report.to_string().trim_end())?;
            let memory =
                memory().map_or_else(String::new, |megabytes| format!(", with at most {megabytes} MB of memory"));
            output::line(format_args!("\nin {:.1} s{memory}", began.elapsed().as_secs_f64()))
        }
        Err(refusal) => refused(&args.json, refusal),
    }
}

fn refused(json: &Json, refusal: Refusal) -> Result<(), CliError> {
    if json.json {
        let (file, entry) = (refusal.file.as_str(), refusal.entry.as_ref());
        output::json(&Refused { verified: false, file, entry, why: refusal.fault.to_string() })?;
    }
    Err(Box::new(refusal).into())
}
