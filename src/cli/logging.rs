//! Logging, to standard error.

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{Targets, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::config::{Log, LogFormat, colour};

/// Starts logging for the rest of the process. Only the first call counts.
pub(super) fn start(log: &Log) {
    let layer = match log.format {
        // Of spans there is one, that of the request: a list of them would say the same again.
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(io::stderr).boxed()
        }
        LogFormat::Human => {
            fmt::layer().with_target(false).with_ansi(colour(&io::stderr())).with_writer(io::stderr).boxed()
        }
    };
    let layer = layer.with_filter(filter_fn(harmless));
    let layer = match targets(&log.filter) {
        Some(targets) => layer.with_filter(targets).boxed(),
        // The configuration has seen it parse.
        None => layer.with_filter(EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"))).boxed(),
    };
    // A second start, in tests, keeps the first.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    std::panic::set_hook(Box::new(panicked));
}

/// A filter by nothing but targets and levels, if that is all that is asked for. The filter that can do more takes a lock
/// whenever a request goes on.
fn targets(filter: &str) -> Option<Targets> {
    let plain = |directive: &str| !directive.is_empty() && !directive.contains(|c: char| c == '[' || c.is_whitespace());
    if filter.split(',').all(plain) { filter.parse().ok() } else { None }
}

/// What may be logged at all, whatever the filter says. Libraries write header fields and whole URLs when asked for
/// details: nobody can ask them.
pub fn harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("sallyport") || *metadata.level() <= Level::INFO
}

/// A message made at run time may hold anything; one from the source text holds no secret.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message left out)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, message, "panicked");
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{catch_unwind, set_hook, take_hook},
        sync::{Arc, Mutex},
        thread,
    };

    use tracing::{Dispatch, subscriber::NoSubscriber};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged of a panic.
    fn logged(panic: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        // Two listeners: with one, tracing would ask the threads of other tests what they want to hear.
        let _second = Dispatch::new(NoSubscriber::new());
        let subscriber = fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || catch_unwind(panic).unwrap_err());
        let text = lines.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_panic_is_logged_without_what_was_put_into_its_message() {
        // The hook is the whole process's: other tests' panics go on to the one before.
        let (before, own) = (take_hook(), thread::current().id());
        set_hook(Box::new(move |panic| if thread::current().id() == own { panicked(panic) } else { before(panic) }));
        let token = "sp_at_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj";
        let made = logged(move || panic!("no such token: {token}"));
        assert!(
            made.contains("panicked") && made.contains("logging.rs") && made.contains("(message left out)"),
            "{made}"
        );
        assert!(!made.contains("AAECAwQF"), "{made}");
        assert!(logged(|| panic!("a literal")).contains("a literal"));
        drop(take_hook());
    }

    #[test]
    fn targets_are_told_from_what_needs_more() {
        let levels = targets("warn,sallyport=debug").unwrap();
        assert!(levels.would_enable("sallyport::http", &Level::DEBUG) && levels.would_enable("hyper", &Level::WARN));
        assert!(!levels.would_enable("sallyport::http", &Level::TRACE) && !levels.would_enable("hyper", &Level::INFO));
        for more in ["info,sallyport[request]=debug", "[{id=x}]=debug", "info,", "", "info, sallyport=debug"] {
            assert!(targets(more).is_none(), "{more}");
        }
    }
}
