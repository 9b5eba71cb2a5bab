//! The push API of Grafana Loki.

use serde_json::json;

use super::batch::Batch;

/// The body of a request: one stream, which is the log, with its lines in order.
pub(super) fn body(batch: &Batch) -> String {
    let values: Vec<_> =
        batch.lines.iter().map(|line| json!([line.at.unix_timestamp_nanos().to_string(), line.text])).collect();
    let labels = json!({
        "service_name": "sallyport", "log": batch.origin.as_str(), "format": batch.format.to_string(),
    });
    json!({ "streams": [{ "stream": labels, "values": values }] }).to_string()
}
