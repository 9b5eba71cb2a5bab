//! The `sallyport` binary: the command line, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    sallyport::cli::run()
}
