//! The answer to a request: JSON, or an event in a stream that may stay open.

use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use super::ProbeError;
use crate::{http::pages::display_text, upstream::Answer};

/// The longest answer that is read, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How much of an upstream's own words is repeated.
const MAX_WORDS: usize = 200;

/// Reads the result of the request with this id.
pub(super) async fn result(answer: Answer, id: u64) -> Result<Value, ProbeError> {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let streamed = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"));
    let status = answer.status;
    let found = find(answer.body, streamed, id).await?;
    match found {
        Some(message) => outcome(message),
        None if status.is_success() => Err(ProbeError::Unreadable("it holds no answer to the question")),
        None => Err(ProbeError::Refused(format!("with status {}", status.as_u16()))),
    }
}

fn outcome(mut message: Value) -> Result<Value, ProbeError> {
    if let Some(result @ Value::Object(_)) = message.get_mut("result").map(Value::take) {
        return Ok(result);
    }
    match message.pointer("/error/message").and_then(Value::as_str) {
        Some(words) => Err(ProbeError::Refused(format!("with an error: {}", display_text(words, MAX_WORDS)))),
        None => Err(ProbeError::Unreadable("it has neither a result nor an error")),
    }
}

/// The message that answers `id`. A stream is read no further than that.
async fn find(mut body: Incoming, streamed: bool, id: u64) -> Result<Option<Value>, ProbeError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ProbeError::Unreadable("it broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        read.extend_from_slice(&data);
        if read.len() > MAX_BYTES {
            return Err(ProbeError::Unreadable("it is too long"));
        }
        if streamed
            && data.contains(&b'\n')
            && let Some(message) = in_stream(&read, id)
        {
            return Ok(Some(message));
        }
    }
    // What ends without an empty line is no event, but some leave the last one out.
    let found = if streamed { in_stream(&[read.as_slice(), b"\n\n"].concat(), id) } else { answers(&read, id) };
    Ok(found)
}

fn answers(text: &[u8], id: u64) -> Option<Value> {
    let message: Value = serde_json::from_slice(text).ok()?;
    let answers = message.get("id").and_then(Value::as_u64) == Some(id)
        // An error that came before the id was read.
        || message.get("error").is_some() && message.get("id").is_none_or(Value::is_null);
    answers.then_some(message)
}

/// The first complete event whose data answers `id`.
fn in_stream(stream: &[u8], id: u64) -> Option<Value> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let complete = text.rfind("\n\n").and_then(|end| text.get(..end))?;
    complete.split("\n\n").find_map(|event| {
        let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let data: Vec<&str> = data.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        answers(data.join("\n").as_bytes(), id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_events() {
        let stream = b"event: message\ndata: {\"method\":\"notifications/message\"}\n\nid: 1\r\ndata: {\"id\":2,\r\n\
                       data: \"result\":{}}\r\n\r\ndata: {\"id\":3,\"result\":{}}\n\n";
        assert_eq!(in_stream(stream, 2).unwrap()["id"], 2);
        assert_eq!(in_stream(stream, 3).unwrap()["id"], 3);
        assert!(in_stream(stream, 4).is_none());
        let (whole, _) = stream.split_at(stream.len() - 2);
        assert!(in_stream(whole, 3).is_none(), "not complete yet");
    }

    #[test]
    fn an_error_without_an_id_is_an_answer() {
        assert!(answers(br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}"#, 7).is_some());
        assert!(answers(br#"{"jsonrpc":"2.0","id":8,"error":{"code":-32000,"message":"no"}}"#, 7).is_none());
        assert!(answers(b"no", 7).is_none());
    }
}
