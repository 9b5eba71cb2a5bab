//! `sallyport try`: what the login of any MCP server does, and what is wrong with it.

use std::{fs, io, num::NonZeroU16, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use url::Url;

use super::{CliError, Json};
use crate::{
    config,
    secret::Entropy,
    trial::{
        self, BadAddress, Eras, Http, HttpOptions, Known, Login, Looks, Options, Place, Redirect, Report, Verdict,
    },
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport try https://host/mcp
  sallyport try https://host/mcp --call search --args '{\"query\": \"otters\"}'
  sallyport try https://host/mcp --client-id 3f9c --client-secret-file FILE --redirect-port 8085
  sallyport try https://host/mcp --client-id https://example.com/client.json --redirect-port 8085
  sallyport try https://host/mcp --device                      on a computer without a browser
  sallyport try https://host/mcp --json --no-browser > report.json

It discovers, registers, logs in, lists the tools, calls one, refreshes, and revokes, as any MCP client would, and prints \
what it got at each step. A line that begins with ! is a remark: some clients stumble. One with x (or ✗) is a problem: it \
breaks the requirement that is named below it. At the end it revokes its tokens and removes its registration.

It needs no installation and no configuration, and works with any MCP server. Tokens, codes and secrets are never printed. \
With --json, the report is on standard output, and what you are asked to do on standard error.

Exit codes: 0 nothing is wrong, 1 something is, 2 it could not go on (or wrong usage).")]
pub(super) struct TryArgs {
    /// The MCP server, exactly as clients are given it.
    #[arg(value_name = "URL", value_parser = place)]
    url: Place,
    /// Be this client instead of registering: an id, or the address of a client's metadata document.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The secret of that client, on the first line of this file.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,
    /// A token that lets a client register where not everybody may, on the first line of this file.
    #[arg(long, value_name = "FILE", conflicts_with = "client_id")]
    initial_token_file: Option<PathBuf>,
    /// Wait for the browser at http://127.0.0.1:PORT/callback instead of any free port.
    #[arg(long, value_name = "PORT")]
    redirect_port: Option<NonZeroU16>,
    /// Wait for the browser at this loopback address, as the client is registered with it.
    #[arg(long, value_name = "URI", conflicts_with = "redirect_port", value_parser = loopback)]
    redirect_uri: Option<Url>,
    /// Ask for these scopes, separated by spaces, instead of those that the server names.
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// Print the address to log in at, and open no browser.
    #[arg(long)]
    no_browser: bool,
    /// Log in on another device (RFC 8628).
    #[arg(long, conflicts_with_all = ["no_browser", "redirect_port", "redirect_uri"])]
    device: bool,
    /// Call this tool.
    #[arg(long, value_name = "TOOL")]
    call: Option<String>,
    /// Its arguments, a JSON object.
    #[arg(long, value_name = "JSON", requires = "call", value_parser = arguments, default_value = "{}")]
    args: Arguments,
    /// When the tool needs more scopes, log in once more and ask for them.
    #[arg(long, requires = "call")]
    step_up: bool,
    /// Which revisions of MCP to speak: 2026-07-28 (modern), those that begin with initialize (legacy), or both.
    #[arg(long, value_enum, default_value_t = EraArg::Both)]
    era: EraArg,
    /// How long an answer may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// How long to wait for the person who logs in, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
    /// Trust these certificate authorities, too (PEM).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Speak plain HTTP with other computers than this one. Everybody on the way can read the tokens.
    #[arg(long)]
    insecure_http: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EraArg {
    Both,
    Modern,
    Legacy,
}

#[derive(Clone, Debug)]
struct Arguments(Map<String, Value>);

fn place(text: &str) -> Result<Place, BadAddress> {
    Place::parse(text)
}

fn arguments(text: &str) -> Result<Arguments, String> {
    serde_json::from_str(text).map(Arguments).map_err(|error| format!("it is no JSON object: {error}"))
}

fn loopback(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default();
    if url.scheme() == "http" && matches!(host, "localhost" | "127.0.0.1" | "[::1]") && url.query().is_none() {
        Ok(url)
    } else {
        Err("it must be http://127.0.0.1, http://localhost or http://[::1], with a path and without a query".to_owned())
    }
}

pub(super) async fn run(args: TryArgs) -> Result<(), CliError> {
    let http = http(&args)?;
    let looks = match (args.json.json, config::colour(&io::stdout())) {
        (true, _) => Looks::Json,
        (false, true) => Looks::Colour,
        (false, false) => Looks::Plain,
    };
    let options = options(args)?;
    let mut report = Report::new(io::stdout(), looks, options.url.as_str());
    let verdict = trial::run(&options, &http, &Entropy::system(), &mut report).await;
    match (report.into_error(), verdict) {
        (Some(error), _) => Err(CliError::Output(error)),
        (None, Verdict::Good) => Ok(()),
        (None, verdict) => Err(CliError::Tried(verdict)),
    }
}

fn http(args: &TryArgs) -> Result<Http, CliError> {
    let read = |path: &PathBuf| fs::read(path).map_err(|source| CliError::Read { path: path.clone(), source });
    let options = HttpOptions {
        patience: Duration::from_secs(args.timeout),
        authorities: args.ca_file.as_ref().map(read).transpose()?,
        insecure: args.insecure_http,
        here: args.url.is_here(),
    };
    Ok(Http::new(options)?)
}

fn options(args: TryArgs) -> Result<Options, CliError> {
    let secret = args.client_secret_file.as_deref().map(config::secret_from_file).transpose()?;
    let redirect = match (args.redirect_uri, args.redirect_port) {
        (Some(uri), _) => Redirect::Exactly(uri),
        (None, port) => Redirect::Port(port.map_or(0, NonZeroU16::get)),
    };
    let login = match (args.device, args.no_browser) {
        (true, _) => Login::Device,
        (false, true) => Login::Printed,
        (false, false) => Login::Browser,
    };
    let era = match args.era {
        EraArg::Both => Eras::Both,
        EraArg::Modern => Eras::Modern,
        EraArg::Legacy => Eras::Legacy,
    };
    Ok(Options {
        url: args.url,
        client: args.client_id.map(|id| Known { id, secret }),
        initial_token: args.initial_token_file.as_deref().map(config::secret_from_file).transpose()?,
        redirect,
        scope: args.scope,
        login,
        wait: Duration::from_secs(args.wait),
        era,
        call: args.call.map(|name| (name, args.args.0)),
        step_up: args.step_up,
    })
}
