//! `sallyport dev`

use std::{io, path::PathBuf};

use clap::Args;

use super::{CliError, logging};
use crate::{
    config::{self, BadListen, Config, Listen, ListenAddress},
    dev::{self, Options, Story},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport dev
  sallyport dev --data-dir ~/.local/share/sallyport --listen localhost:9000
  sallyport dev --listen localhost:0 --no-tour      any free port; DIR/dev.json says which

Everything is kept in the data directory; remove it to start afresh. DIR/dev.json appears when everything is ready, and \
goes when it stops: SIGINT (Ctrl-C) or SIGTERM.")]
pub(super) struct DevArgs {
    /// Where everything is kept; made when missing.
    #[arg(long, value_name = "DIR", default_value = ".sallyport")]
    data_dir: PathBuf,
    /// Where to listen. localhost is 127.0.0.1 and ::1; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:8080", value_parser = address)]
    listen: ListenAddress,
    /// Do not play the tour.
    #[arg(long)]
    no_tour: bool,
}

fn address(text: &str) -> Result<ListenAddress, BadListen> {
    ListenAddress::parse(text)
}

pub(super) async fn run(args: DevArgs) -> Result<(), CliError> {
    logging::start(&Config::dev(&args.data_dir, Listen::on(args.listen)).log);
    let options = Options { data_dir: args.data_dir, listen: args.listen, tour: !args.no_tour };
    let mut story = Story::new(io::stdout(), config::colour(&io::stdout()));
    Ok(dev::run(&options, &mut story).await?)
}
