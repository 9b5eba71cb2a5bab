//! The probe's side of MCP, in either era.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};

use super::{MAX_ITEMS, ProbeError, answer};
use crate::{
    mcp::{self, LEGACY_VERSIONS, Limits, MCP_METHOD, MCP_PROTOCOL_VERSION, MODERN_VERSION},
    policy,
    upstream::{Along, Answer, Caller, UpstreamSession, Upstreams},
};

/// The most pages of one list that are asked for.
const MAX_PAGES: usize = 100;

/// Requests to one server, one after the other.
pub(super) struct Conversation<'a> {
    upstreams: &'a Upstreams,
    caller: Caller<'a>,
    modern: bool,
    /// The version of every message; none before the handshake.
    version: Option<HeaderValue>,
    session: Option<UpstreamSession>,
    requests: u64,
}

impl<'a> Conversation<'a> {
    pub(super) fn modern(upstreams: &'a Upstreams, caller: Caller<'a>) -> Self {
        let version = Some(HeaderValue::from_static(MODERN_VERSION));
        Self { upstreams, caller, modern: true, version, session: None, requests: 0 }
    }

    pub(super) fn legacy(upstreams: &'a Upstreams, caller: Caller<'a>) -> Self {
        Self { upstreams, caller, modern: false, version: None, session: None, requests: 0 }
    }

    /// The handshake of the initialize era. What the server says of itself.
    pub(super) async fn initialize(&mut self) -> Result<Value, ProbeError> {
        let [newest, ..] = LEGACY_VERSIONS;
        let params = json!({ "protocolVersion": newest, "capabilities": {}, "clientInfo": about() });
        let hello = self.request("initialize", params).await?;
        let version = hello.get("protocolVersion").and_then(Value::as_str);
        let known = LEGACY_VERSIONS.into_iter().find(|known| version == Some(known));
        let version = known.ok_or(ProbeError::Unreadable("it chose a version of MCP that is not known here"))?;
        self.version = Some(HeaderValue::from_static(version));
        self.send("notifications/initialized", None, json!({})).await?;
        Ok(hello)
    }

    /// Ends the session, if there is one. An upstream that does not care loses nothing.
    pub(super) async fn end(&mut self) {
        if self.session.is_some()
            && let Ok(call) = mcp::end_session(&self.headers(None))
        {
            drop(self.forward(&call, &self.headers(None)).await);
        }
    }

    /// All pages of a list.
    pub(super) async fn pages(&mut self, method: &'static str, list: &str) -> Result<Vec<Value>, ProbeError> {
        let mut found = Vec::new();
        let mut cursor: Option<Value> = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.take().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let mut page = self.request(method, params).await?;
            let Some(Value::Array(items)) = page.get_mut(list).map(Value::take) else {
                return Err(ProbeError::Unreadable("a list is missing in it"));
            };
            found.extend(items);
            if found.len() > MAX_ITEMS {
                return Err(ProbeError::Unreadable("it lists more than anybody could accept"));
            }
            match page.get_mut("nextCursor").map(Value::take) {
                Some(next @ Value::String(_)) => cursor = Some(next),
                _ => return Ok(found),
            }
        }
        Err(ProbeError::Unreadable("its list never ends"))
    }

    /// Sends a request and waits for its result.
    pub(super) async fn request(&mut self, method: &'static str, mut params: Value) -> Result<Value, ProbeError> {
        self.requests += 1;
        if let Some(params) = params.as_object_mut().filter(|_| self.modern) {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": about(),
            });
            params.insert("_meta".to_owned(), meta);
        }
        let id = self.requests;
        let answer = self.send(method, Some(id), params).await?;
        if answer.session.is_some() {
            self.session.clone_from(&answer.session);
        }
        answer::result(answer, id).await
    }

    async fn send(&self, method: &'static str, id: Option<u64>, params: Value) -> Result<Answer, ProbeError> {
        let message = match id {
            Some(id) => json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }),
            None => json!({ "jsonrpc": "2.0", "method": method, "params": params }),
        };
        let headers = self.headers(Some(method));
        let body = Bytes::from(message.to_string());
        let call = mcp::parse(&headers, body, &Limits::default()).map_err(|_| ProbeError::Question)?;
        self.forward(&call, &headers).await
    }

    async fn forward(&self, call: &mcp::Call, headers: &HeaderMap) -> Result<Answer, ProbeError> {
        let permit = policy::decide(&self.caller.server.policy, &self.caller.verified.scopes, call)?;
        let mut along = Along::from_client(headers);
        along.session.clone_from(&self.session);
        Ok(self.upstreams.forward(permit, self.caller, &along).await?)
    }

    fn headers(&self, method: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(version) = &self.version {
            headers.insert(MCP_PROTOCOL_VERSION, version.clone());
        }
        if let Some(method) = method.filter(|_| self.modern) {
            headers.insert(MCP_METHOD, HeaderValue::from_static(method));
        }
        headers
    }
}

/// What the probe says of itself.
fn about() -> Value {
    json!({ "name": "sallyport", "version": env!("CARGO_PKG_VERSION") })
}
