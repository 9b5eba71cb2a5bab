//! How deliveries go, for Prometheus.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Courier;
use crate::store::audit_ship::Kind;

/// Numbers of all targets.
#[derive(Debug, Default)]
pub struct Numbers {
    behind: Family<Target, Gauge>,
    sent: Family<Target, Counter>,
    failed: Family<Target, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Target {
    kind: &'static str,
    target: String,
}

impl Target {
    fn of(courier: &Courier) -> Self {
        let kind = match courier.kind() {
            Kind::Ship => "ship",
            Kind::Anchor => "anchor",
        };
        Self { kind, target: courier.name().to_owned() }
    }
}

impl Numbers {
    /// Names the numbers.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Entries (or checkpoints) that the target does not have yet, when this process looked last";
        registry.register("audit_delivery_behind", help, self.behind.clone());
        registry.register(
            "audit_delivery_sent",
            "Entries (or checkpoints) that the target accepted",
            self.sent.clone(),
        );
        registry.register("audit_delivery_failures", "Times that the target accepted nothing", self.failed.clone());
    }

    pub(super) fn behind(&self, courier: &Courier, count: u64) {
        self.behind.get_or_create(&Target::of(courier)).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn sent(&self, courier: &Courier, count: u64) {
        self.sent.get_or_create(&Target::of(courier)).inc_by(count);
    }

    pub(super) fn failed(&self, courier: &Courier) {
        self.failed.get_or_create(&Target::of(courier)).inc();
    }
}
