//! `sallyport audit verify-proof`

use std::{fs::File, io::Read as _, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde::Serialize;

use super::keys;
use crate::{
    audit::{
        log::VerifierKey,
        proof::{BadProof, LONGEST, Proof, Proved},
    },
    cli::{CliError, Json, output},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit verify-proof event.tlog-proof --key acme.vkey

Says which event is in which log at which place, and who signed for it. Without --key nothing is known of who signed.

Exit codes: 0 it holds, 1 it does not, 2 wrong usage.")]
pub(in crate::cli) struct VerifyProofArgs {
    /// The proof.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A key of the log's operator, or a file with one a line. May be given several times.
    #[arg(long = "key", value_name = "KEY", value_parser = keys)]
    keys: Vec<Vec<VerifierKey>>,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Printed<'a> {
    verified: bool,
    authenticated: bool,
    origin: &'a str,
    size: u64,
    root: String,
    index: u64,
    signers: &'a [String],
    event: serde_json::Value,
}

pub(super) fn run(args: &VerifyProofArgs) -> Result<(), CliError> {
    let path = &args.file;
    let mut bytes = Vec::new();
    let most = LONGEST as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|source| CliError::Read { path: path.clone(), source })?;
    let failed = |source: BadProof| CliError::Proof { path: path.clone(), source };
    let proof = Proof::parse(&String::from_utf8_lossy(&bytes)).map_err(failed)?;
    let proved = proof.check(&args.keys.concat()).map_err(failed)?;
    print(&proof, &proved, args.json)
}

fn print(proof: &Proof, proved: &Proved, json: Json) -> Result<(), CliError> {
    let Proved { event, checkpoint, signers } = proved;
    let root = STANDARD.encode(checkpoint.root.0);
    let text = String::from_utf8_lossy(proof.entry.bytes());
    if json.json {
        return output::json(&Printed {
            verified: true,
            authenticated: !signers.is_empty(),
            origin: checkpoint.origin.as_str(),
            size: checkpoint.size,
            root,
            index: proof.index,
            signers,
            event: serde_json::from_str(&text).unwrap_or_default(),
        });
    }
    output::line(if signers.is_empty() { "consistent; signer NOT authenticated" } else { "verified" })?;
    output::line(format_args!("\nlog         {}", checkpoint.origin))?;
    output::line(format_args!("checkpoint  {} entries, root {root}", checkpoint.size))?;
    for key in signers {
        output::line(format_args!("signed by   {key}"))?;
    }
    output::line(format_args!("proved      event {} ({}) is entry {}\n\n{text}", event.id, event.kind, proof.index))?;
    if signers.is_empty() {
        output::line("\nNOT proved:\n  - who signed: give the operator's key with --key")?;
    }
    Ok(())
}
