//! How the writing of events goes, for those who depend on it and for Prometheus.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::Counter,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

const BATCHES: [f64; 8] = [1.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

#[derive(Debug)]
pub(super) struct Health {
    epoch: Instant,
    /// When the writer began with what it has now, in nanoseconds of `epoch`; 0 while it has nothing.
    busy_since: AtomicU64,
    failing: AtomicBool,
    waiting: Gauge,
    commits: Counter,
    failures: Counter,
    batches: Histogram,
    refused: Counter,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            busy_since: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            waiting: Gauge::default(),
            commits: Counter::default(),
            failures: Counter::default(),
            batches: Histogram::new(BATCHES),
            refused: Counter::default(),
        }
    }
}

impl Health {
    pub(super) fn register(self: Arc<Self>, registry: &mut Registry) {
        let help = "Events of calls that are not on the disk yet";
        registry.register("call_events_waiting", help, self.waiting.clone());
        registry.register("call_event_commits", "Batches of events of calls that were written", self.commits.clone());
        let help = "Tries to write a batch of events of calls that failed";
        registry.register("call_event_failures", help, self.failures.clone());
        registry.register("call_event_batch", "Events of calls in one commit", self.batches.clone());
        let help = "Calls refused since their evidence could not be written";
        registry.register("calls_refused_without_evidence", help, self.refused.clone());
        registry.register_collector(Box::new(OldestWaiting(self)));
    }

    /// Whether the last try to write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// For how long the writer has been at what it has now: the oldest event has waited at least that long.
    pub(super) fn oldest(&self) -> Duration {
        match self.busy_since.load(Ordering::Acquire) {
            0 => Duration::ZERO,
            since => self.epoch.elapsed().saturating_sub(Duration::from_nanos(since)),
        }
    }

    pub(super) fn begin(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy_since.store(now.max(1), Ordering::Release);
    }

    pub(super) fn end(&self, events: usize) {
        self.busy_since.store(0, Ordering::Release);
        self.waiting.dec_by(i64::try_from(events).unwrap_or(i64::MAX));
    }

    pub(super) fn sent(&self) {
        self.waiting.inc();
    }

    pub(super) fn committed(&self, events: usize) {
        self.failing.store(false, Ordering::Release);
        self.commits.inc();
        self.batches.observe(events as f64);
    }

    pub(super) fn failed(&self) {
        self.failing.store(true, Ordering::Release);
        self.failures.inc();
    }

    pub(super) fn refused(&self) {
        self.refused.inc();
    }
}

/// Asked when somebody looks.
#[derive(Debug)]
struct OldestWaiting(Arc<Health>);

impl Collector for OldestWaiting {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let gauge = ConstGauge::new(self.0.oldest().as_secs_f64());
        let help = "How long the oldest event of a call has been waiting to be written";
        let metric =
            encoder.encode_descriptor("call_events_oldest_waiting", help, Some(&Unit::Seconds), gauge.metric_type())?;
        gauge.encode(metric)
    }
}
