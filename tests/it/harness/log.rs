//! Listening to the log of one test while others run.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::{Dispatch, Level, Metadata, subscriber::DefaultGuard, subscriber::NoSubscriber};
use tracing_subscriber::{
    Layer as _,
    filter::filter_fn,
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt as _,
};

/// A second listener, which hears nothing. Keep it, and then set the one that listens.
///
/// With one alone, tracing asks the listener of whichever thread comes first to a line of the program whether that line
/// will ever be of interest, and remembers the answer; the threads of other tests have none.
pub(crate) fn beside_others() -> Dispatch {
    Dispatch::new(NoSubscriber::new())
}

/// All that this thread logs until it is dropped, the beginning and end of spans too: the most that anybody can ask
/// `sallyport serve` for. A test of one thread hears all that runs in it.
pub(crate) struct Log {
    lines: Lines,
    _guard: DefaultGuard,
    _second: Dispatch,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn listen() -> Self {
        Self::listen_to(FmtSpan::FULL, sallyport::cli::harmless)
    }

    /// Hears faults only, and so costs little.
    pub(crate) fn listen_for_errors() -> Self {
        Self::listen_to(FmtSpan::NONE, |told| *told.level() == Level::ERROR)
    }

    fn listen_to(spans: FmtSpan, heard: fn(&Metadata<'_>) -> bool) -> Self {
        let second = beside_others();
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().with_ansi(false).with_span_events(spans).with_writer(move || writer.clone());
        let layer = layer.with_filter(filter_fn(heard));
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { lines, _guard: guard, _second: second }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
