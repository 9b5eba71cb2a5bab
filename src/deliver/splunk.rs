//! Splunk's HTTP Event Collector.

use super::batch::Batch;

/// The body of a request: one object after the other.
pub(super) fn body(batch: &Batch, host: &str, index: Option<&str>) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let format = batch.format.to_string();
    let (host, source, sourcetype) = (text(host), text(batch.origin.as_str()), text(&format!("sallyport:{format}")));
    let index = index.map(|index| format!(",\"index\":{}", text(index))).unwrap_or_default();
    let mut body = String::new();
    for line in &batch.lines {
        let event = if batch.is_json() { line.text.clone() } else { text(&line.text) };
        let (seconds, millis) = (line.at.unix_timestamp(), line.at.millisecond());
        body.push_str(&format!(
            "{{\"time\":{seconds}.{millis:03},\"host\":{host},\"source\":{source},\"sourcetype\":{sourcetype}{index},\
             \"fields\":{{\"log_index\":{}}},\"event\":{event}}}\n",
            line.index
        ));
    }
    body
}
