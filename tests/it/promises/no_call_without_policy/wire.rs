//! A request as it goes over the wire.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    message,
    request::{Credential, Form, Heads, Origin, RESOURCES, Request, Verb, What},
};
use crate::gateway::world::{LEGACY, MODERN};

/// The origin of the page that some tenants allow.
pub(super) const PAGE: &str = "https://page.example";

/// What may stand in the header `Authorization`.
pub(super) struct Credentials<'a> {
    pub(super) token: &'a str,
    pub(super) jwt: &'a str,
    pub(super) never_issued: &'a str,
    pub(super) refresh_token: &'a str,
}

/// The body of a POST.
pub(super) fn body(request: &Request) -> String {
    let what = request.what;
    let mut message = json!({"jsonrpc": "2.0"});
    match what.method() {
        Some(method) => {
            message["method"] = method.into();
            message["params"] = params(request);
        }
        None => message["result"] = json!({}),
    }
    let has_id = what.is_request() || what == What::Answer;
    if has_id != (request.form == Form::OtherKind) {
        message["id"] = json!(7);
    }
    written(request.form, &message.to_string())
}

fn params(request: &Request) -> Value {
    let (what, name) = (request.what, request.what.name());
    let mut params = match what {
        What::Tool(_) | What::Prompt(_) => json!({"name": name, "arguments": {}}),
        What::Resource(_) => json!({"uri": name}),
        What::Task => json!({"taskId": name}),
        What::Complete(_) => {
            json!({"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "a", "value": "b"}})
        }
        What::Listen(which) => {
            let wanted = (0..RESOURCES.len()).filter(|at| which & (1 << at) != 0).map(|at| RESOURCES[at]);
            json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": wanted.collect::<Vec<_>>()}})
        }
        What::Initialize => {
            json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
        }
        What::Cancelled => json!({"requestId": 6}),
        _ => json!({}),
    };
    if request.form == Form::Nameless {
        for place in ["", "/ref"] {
            if let Some(Value::Object(members)) = params.pointer_mut(place) {
                members.retain(|key, _| !["name", "uri", "taskId"].contains(&key.as_str()));
            }
        }
    }
    if request.modern {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    params
}

/// `message` in some form. Within an answer its result takes the place of the parameters.
fn written(form: Form, message: &str) -> String {
    let first = |members: &str| message.replacen('{', &format!("{{{members},"), 1);
    let within = |members: &str| {
        let at = if message.contains("\"params\":{") { "\"params\":{" } else { "\"result\":{" };
        message.replacen(at, &format!("{at}{members},"), 1).replace(",}", "}")
    };
    match form {
        Form::Plain | Form::OtherKind | Form::Nameless => message.to_owned(),
        Form::Escaped => ["method", "name", "uri"].iter().fold(message.to_owned(), |text, key| escaped(&text, key)),
        Form::Batch => format!("[{message}]"),
        Form::TwoMethods => first("\"method\":\"tools/list\",\"method\":\"ping\""),
        Form::TwoNames => within("\"name\":\"look\",\"name\":\"look\""),
        Form::Lookalike => first("\"Method\":\"tools/list\""),
        Form::LookalikeName => within("\"Name\":\"look\""),
        Form::Trailing => format!("{message}{message}"),
        Form::NoMessage => "\"tools/call\"".to_owned(),
    }
}

/// The first character of each member `key` as an escape.
fn escaped(text: &str, key: &str) -> String {
    let begins = format!("\"{key}\":\"");
    let mut parts = text.split(&begins);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let mut rest = part.chars();
        let first = rest.next().unwrap();
        out.push_str(&format!("{begins}\\u{:04x}{}", u32::from(first), rest.as_str()));
    }
    out
}

/// The request, to be sent to `url`.
pub(super) fn built(
    http: &reqwest::Client,
    url: &str,
    own_origin: &str,
    request: &Request,
    credentials: &Credentials<'_>,
    session: Option<&str>,
) -> RequestBuilder {
    let method = match request.verb {
        Verb::Post => Method::POST,
        Verb::Get => Method::GET,
        Verb::Delete => Method::DELETE,
        Verb::Options => Method::OPTIONS,
        Verb::Head => Method::HEAD,
        Verb::Put => Method::PUT,
    };
    let url = match request.credential {
        Credential::Address => format!("{url}?access_token={}", credentials.token),
        _ => url.to_owned(),
    };
    let origin = match request.origin {
        Origin::None => None,
        Origin::Own => Some(own_origin),
        Origin::Page => Some(PAGE),
        Origin::Foreign => Some("https://evil.example"),
        Origin::Null => Some("null"),
    };
    let mut built = http.request(method, url);
    for value in authorization(request.credential, credentials) {
        built = built.header("authorization", value);
    }
    for (name, value) in heads(request) {
        built = built.header(name, value);
    }
    for (name, value) in [("origin", origin), ("mcp-session-id", session)] {
        if let Some(value) = value {
            built = built.header(name, value);
        }
    }
    if request.verb == Verb::Post { built.body(body(request)) } else { built }
}

fn authorization(credential: Credential, credentials: &Credentials<'_>) -> Vec<String> {
    let bearer = |token: &str| format!("Bearer {token}");
    let own = bearer(credentials.token);
    match credential {
        Credential::Bearer | Credential::Address => vec![own],
        Credential::Lower => vec![format!("bearer {}", credentials.token)],
        Credential::Twice => vec![own.clone(), own],
        Credential::Nothing => vec![],
        Credential::Basic => vec!["Basic dXNlcjpwYXNz".to_owned()],
        Credential::Garbage => vec![bearer("sp_at_nonsense")],
        Credential::NeverIssued => vec![bearer(credentials.never_issued)],
        Credential::RefreshToken => vec![bearer(credentials.refresh_token)],
        Credential::OwnJwt => vec![bearer(credentials.jwt)],
    }
}

fn heads(request: &Request) -> Vec<(&'static str, String)> {
    let heads = request.heads;
    let accept = if heads == Heads::NoStream { "application/json" } else { "application/json, text/event-stream" };
    let mut out = vec![("accept", accept.to_owned())];
    if request.verb == Verb::Post {
        let kind = if heads == Heads::WrongType { "text/plain" } else { "application/json" };
        out.push(("content-type", kind.to_owned()));
    }
    let version = match heads {
        Heads::NoVersion => None,
        Heads::UnknownVersion => Some("1999-12-31"),
        Heads::OtherVersion => Some(if request.modern { LEGACY } else { MODERN }),
        _ => Some(if request.modern { MODERN } else { LEGACY }),
    };
    out.extend(version.map(|version| ("mcp-protocol-version", version.to_owned())));
    let what = request.what;
    let method = what.method().filter(|_| request.verb == Verb::Post);
    match heads {
        // What looks harmless, in the header.
        Heads::OtherMethod => out.push(("mcp-method", "resources/templates/list".to_owned())),
        Heads::TwiceMethod => out.extend([("mcp-method", "ping".to_owned()), ("mcp-method", "ping".to_owned())]),
        _ if message::sends_method(request) => out.extend(method.map(|method| ("mcp-method", method.to_owned()))),
        _ => {}
    }
    let name = what.name().filter(|_| request.verb == Verb::Post);
    let other = if name == Some("look") { "edit" } else { "look" };
    match heads {
        Heads::OtherName => out.push(("mcp-name", other.to_owned())),
        Heads::Encoded if message::sends_name(request) => {
            out.extend(name.map(|name| ("mcp-name", format!("=?base64?{}?=", STANDARD.encode(name)))));
        }
        _ if message::sends_name(request) => out.extend(name.map(|name| ("mcp-name", name.to_owned()))),
        _ => {}
    }
    out
}
