//! How far a long command is.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Between two lines that follow each other on a terminal.
const PAUSE: Duration = Duration::from_millis(200);

/// A line on standard error that is written over and over, where that is a terminal.
pub(super) struct Progress {
    shown: Option<Instant>,
    on: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: None, on: io::stderr().is_terminal() }
    }

    pub(super) fn at(&mut self, done: u64, total: u64) {
        if !self.on || (done < total && self.shown.is_some_and(|shown| shown.elapsed() < PAUSE)) {
            return;
        }
        self.shown = Some(Instant::now());
        let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
        let filled = usize::try_from(percent / 4).unwrap_or(0).min(25);
        // Nobody misses it where it cannot be written.
        let _ = write!(io::stderr().lock(), "\r[{:<25}] {percent:>3} %  {done} of {total} entries", "=".repeat(filled));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on && self.shown.is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// The most memory that this process ever had, in megabytes, where the system says so.
pub(super) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}
