//! What `/metrics` says of the lease and the authority log.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use super::Node;

impl Collector for Node {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (applied, head) = (self.applied(), self.head_seen());
        let in_flight = i64::try_from(self.in_flight()).unwrap_or(i64::MAX);
        let mut gauge = |name, help, value: i64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge(
            "authority_log_applied",
            "Number of the newest entry of the authority log that is applied here",
            applied,
        )?;
        gauge("authority_log_head", "Newest number in the authority log that is known here", head)?;
        gauge("authority_log_lag", "Entries of the authority log that are not applied here", (head - applied).max(0))?;
        gauge("calls_in_flight", "Calls and streams that a revocation would cut", in_flight)?;
        gauge("lease_held", "1 while requests are served from caches", i64::from(self.check_lease().is_ok()))?;
        if let Some(age) = self.lease_age() {
            let gauge = ConstGauge::new(age.as_secs_f64());
            let help = "Time since the renewal was sent that was granted last; a lease ends after one second";
            let encoder = encoder.encode_descriptor("lease_age", help, Some(&Unit::Seconds), gauge.metric_type())?;
            gauge.encode(encoder)?;
        }
        let lapses = ConstCounter::new(self.lapses());
        let help = "How often the lease ran out";
        lapses.encode(encoder.encode_descriptor("lease_lapses", help, None, lapses.metric_type())?)
    }
}
