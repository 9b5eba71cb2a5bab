//! MCP as a client of revision 2026-07-28 speaks it.

use reqwest::{RequestBuilder, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::surprise::{Answer, Surprise};

const REVISION: &str = "2026-07-28";

/// What the upstream saw of a call.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    pub(super) claims: Claims,
}

/// The claims of the upstream's JWT that the story tells.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) aud: String,
    pub(super) sub: String,
    pub(super) scope: Option<String>,
    pub(super) iat: i64,
    pub(super) exp: i64,
}

impl Claims {
    /// How long the JWT lives, in seconds.
    pub(super) fn lifetime(&self) -> i64 {
        self.exp.saturating_sub(self.iat)
    }
}

/// A request without a token.
pub(super) fn request(http: &reqwest::Client, resource: &str, method: &str, mut params: Value) -> RequestBuilder {
    let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
    if let Some(params) = params.as_object_mut() {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "sallyport-tour", "version": env!("CARGO_PKG_VERSION")},
        });
        params.insert("_meta".to_owned(), meta);
    }
    let request = http
        .post(resource)
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", REVISION)
        .header("mcp-method", method)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    match name {
        Some(name) => request.header("mcp-name", name),
        None => request,
    }
}

/// The names in a list of tools, sorted.
pub(super) async fn tools(answer: Answer) -> Result<Vec<String>, Surprise> {
    #[derive(Deserialize)]
    struct Tools {
        tools: Vec<Tool>,
    }
    #[derive(Deserialize)]
    struct Tool {
        name: String,
    }
    let list: Tools = fitting(result(&answer_text(answer).await?)?, "the list of tools")?;
    let mut names: Vec<_> = list.tools.into_iter().map(|tool| tool.name).collect();
    names.sort();
    Ok(names)
}

/// What the upstream says that it saw. None of it may be the client's token.
pub(super) async fn seen(answer: Answer, token: &str) -> Result<Seen, Surprise> {
    let text = answer_text(answer).await?;
    if text.contains(token) {
        return Err(Surprise::odd("the upstream saw the client's token"));
    }
    let mut result = result(&text)?;
    fitting(taken(&mut result, "structuredContent"), "the answer of whoami")
}

async fn answer_text(answer: Answer) -> Result<String, Surprise> {
    let streamed = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    let text = answer.text().await?;
    Ok(if streamed { last_event(&text) } else { text })
}

/// The data of the last event of a stream: the answer, after any notifications.
fn last_event(stream: &str) -> String {
    let mut data = stream.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.rfind(|data| !data.is_empty()).unwrap_or_default().to_owned()
}

fn result(text: &str) -> Result<Value, Surprise> {
    let mut message: Value = serde_json::from_str(text).map_err(|_| Surprise::odd("the answer is no JSON"))?;
    match message.pointer("/error/message").and_then(Value::as_str) {
        Some(error) => Err(Surprise::odd(format!("the server answered with an error: {error}"))),
        None => Ok(taken(&mut message, "result")),
    }
}

/// A member; null where there is none.
fn taken(value: &mut Value, member: &str) -> Value {
    value.get_mut(member).map(Value::take).unwrap_or_default()
}

fn fitting<T: serde::de::DeserializeOwned>(value: Value, what: &str) -> Result<T, Surprise> {
    serde_json::from_value(value).map_err(|error| Surprise::odd(format!("{what} does not fit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_last_event() {
        let stream =
            "event: message\ndata: {\"method\":\"notifications/progress\"}\n\ndata: {\"result\":1}\n\ndata:\n\n";
        assert_eq!(last_event(stream), "{\"result\":1}");
        assert_eq!(result(&last_event(stream)).unwrap(), 1);
    }

    #[test]
    fn an_error_is_told_in_its_own_words() {
        let error = result(r#"{"error":{"code":-32602,"message":"unknown tool"}}"#).unwrap_err();
        assert_eq!(error.to_string(), "the server answered with an error: unknown tool");
    }
}
