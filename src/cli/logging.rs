//! Logging, to standard error.

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{Log, LogFormat, colour};

/// Starts logging for the rest of the process. Only the first call counts.
pub(super) fn start(log: &Log) {
    // The configuration has seen it parse.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let layer = match log.format {
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
        LogFormat::Human => {
            fmt::layer().with_target(false).with_ansi(colour(&io::stderr())).with_writer(io::stderr).boxed()
        }
    };
    let layer = layer.with_filter(filter_fn(harmless)).with_filter(filter);
    // A second start, in tests, keeps the first.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    std::panic::set_hook(Box::new(panicked));
}

/// Libraries write header fields and whole URLs when asked for details. Nobody can ask them.
fn harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("sallyport") || *metadata.level() <= Level::INFO
}

/// A message made at run time may hold anything; one from the source text holds no secret.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message left out)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, message, "panicked");
}
