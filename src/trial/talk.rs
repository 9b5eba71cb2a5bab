//! MCP over HTTP as clients of both eras speak it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use reqwest::{RequestBuilder, header};
use serde_json::{Map, Value, json};
use url::Url;

use super::http::{Answer, Http};

/// The revision without sessions.
pub(super) const MODERN: &str = "2026-07-28";
/// The last one with.
pub(super) const LEGACY: &str = "2025-11-25";

const ACCEPT: &str = "application/json, text/event-stream";

fn who() -> Value {
    json!({"name": "sallyport-try", "version": env!("CARGO_PKG_VERSION")})
}

fn post(http: &Http, url: &Url, message: &Value) -> RequestBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, header::HeaderValue::from_static(ACCEPT));
    http.post(url).headers(headers).json(message)
}

/// How a client of the older revisions begins.
pub(super) fn initialize(http: &Http, url: &Url) -> RequestBuilder {
    let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": who()});
    post(http, url, &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
}

/// What a server of the older revisions gave for the requests to come.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) version: String,
    pub(super) session: Option<header::HeaderValue>,
}

impl Opened {
    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header("mcp-protocol-version", &self.version);
        match &self.session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    }

    /// A request of the older revisions.
    pub(super) fn request(&self, http: &Http, url: &Url, method: &str, params: &Value) -> RequestBuilder {
        self.on(post(http, url, &json!({"jsonrpc": "2.0", "id": 2, "method": method, "params": params})))
    }

    /// The end of the beginning.
    pub(super) fn initialized(&self, http: &Http, url: &Url) -> RequestBuilder {
        self.on(post(http, url, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"})))
    }

    /// The end of the session.
    pub(super) fn close(&self, http: &Http, url: &Url) -> RequestBuilder {
        self.on(http.delete(url))
    }
}

/// A request of 2026-07-28: all that the server must know is in it.
pub(super) fn modern(http: &Http, url: &Url, method: &str, params: &Value, schema: Option<&Value>) -> RequestBuilder {
    let mut params = params.clone();
    let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
    let mut own = Vec::new();
    if let (Some(schema), Some(arguments)) = (schema, params.get("arguments")) {
        parameters(schema, arguments, &mut own);
    }
    if let Some(params) = params.as_object_mut() {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": who(),
        });
        params.insert("_meta".to_owned(), meta);
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = post(http, url, &message).header("mcp-protocol-version", MODERN).header("mcp-method", method);
    let request = own.into_iter().fold(request, |request, (name, value)| request.header(name, header_value(&value)));
    match name {
        Some(name) => request.header("mcp-name", header_value(&name)),
        None => request,
    }
}

/// Arguments that the tool wants as headers, too (`x-mcp-header`).
fn parameters(schema: &Value, arguments: &Value, out: &mut Vec<(String, String)>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        let Some(argument) = arguments.get(name) else { continue };
        let text = match argument {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(argument.to_string()),
            _ => None,
        };
        match (property.get("x-mcp-header").and_then(Value::as_str), text) {
            (Some(header), Some(text)) => out.push((format!("mcp-param-{header}"), text)),
            _ => parameters(property, argument, out),
        }
    }
}

/// As it is where a header can hold it, else in the form that 2026-07-28 has for the rest.
fn header_value(text: &str) -> String {
    let plain =
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text && !text.starts_with("=?");
    if plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

/// Whether a stream has brought the answer, so that nobody need wait for its end.
pub(super) fn is_complete(headers: &HeaderMap, body: &[u8]) -> bool {
    is_stream(headers) && in_stream(body).is_some()
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

/// The JSON-RPC response of an answer, in a stream or alone.
pub(super) fn response(answer: &Answer) -> Option<Map<String, Value>> {
    if is_stream(&answer.headers) { in_stream(&answer.body) } else { answer.json().and_then(as_response) }
}

fn as_response(message: Value) -> Option<Map<String, Value>> {
    match message {
        Value::Object(message) if message.contains_key("result") || message.contains_key("error") => Some(message),
        _ => None,
    }
}

/// The response among the events of a stream that have come whole.
fn in_stream(body: &[u8]) -> Option<Map<String, Value>> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let (whole, _) = text.rsplit_once("\n\n")?;
    whole.split("\n\n").find_map(|event| {
        let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let data = data.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
        as_response(serde_json::from_str(&data).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_stream_is_its_response_once_it_is_whole() {
        let note = "event: message\ndata: {\"method\":\"notifications/progress\"}\n\n";
        let begun = format!("{note}data: {{\"id\":1,\ndata: \"result\":{{}}}}\n");
        assert!(in_stream(begun.as_bytes()).is_none());
        assert!(in_stream(format!("{begun}\n").as_bytes()).is_some());
        assert!(in_stream(format!("{begun}\n").replace('\n', "\r\n").as_bytes()).is_some());
        assert!(in_stream(note.as_bytes()).is_none());
    }

    #[test]
    fn headers_hold_what_they_can() {
        assert_eq!(header_value("say_hello"), "say_hello");
        assert_eq!(header_value("grüße"), "=?base64?Z3LDvMOfZQ==?=");
        assert_eq!(header_value("=?base64?x?="), "=?base64?PT9iYXNlNjQ/eD89?=");
        let schema = json!({"properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "in": {"properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
            "no": {"type": "string"},
        }});
        let mut out = Vec::new();
        parameters(&schema, &json!({"region": "eu", "in": {"n": 7}, "no": "x"}), &mut out);
        out.sort();
        assert_eq!(out, [("mcp-param-N".to_owned(), "7".to_owned()), ("mcp-param-Region".to_owned(), "eu".to_owned())]);
    }
}
