//! The JSON-RPC envelope: which kind of message, under which id.

use serde_json::value::RawValue;

use super::{
    Id, Limits, Message, Method, Reject, code,
    json::{self, Fault, Members},
};

/// A JSON-RPC message whose parameters have not been looked at.
pub(super) struct Envelope<'a> {
    pub(super) message: Message,
    /// `params`; in a response `result` or `error`.
    pub(super) payload: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads `body`. Members that JSON-RPC does not know are refused: an upstream that matches names loosely could
    /// take one of them for the method.
    pub(super) fn read(body: &'a [u8], limits: &Limits) -> Result<Self, Reject> {
        let text = json::check(body, limits.depth.min(Limits::DEEPEST)).map_err(Reject::from)?;
        let Some(members) = Members::of(text) else {
            return Err(invalid(if text.trim_start().starts_with('[') {
                "Batches are not served. Send each message in a request of its own."
            } else {
                "The body must be one JSON-RPC message."
            }));
        };
        // The id first, so that every later error can carry it.
        let id = members.get("id").map(|raw| Id::from_json(raw.get()));
        let known = id.clone().flatten();
        Self::classify(&members, id).map_err(|reject| reject.with(known, None))
    }

    fn classify(members: &Members<'a>, id: Option<Option<Id>>) -> Result<Self, Reject> {
        if members.keys().any(|key| !["jsonrpc", "id", "method", "params", "result", "error"].contains(&key)) {
            return Err(invalid("The message has a member that JSON-RPC does not know."));
        }
        if members.get("jsonrpc").and_then(json::text).as_deref() != Some("2.0") {
            return Err(invalid("The member jsonrpc must be \"2.0\"."));
        }
        let id = match id {
            Some(None) => return Err(invalid("The id must be an integer or a string of at most 256 bytes.")),
            Some(Some(id)) => Some(id),
            None => None,
        };
        let answer = match (members.get("result"), members.get("error")) {
            (Some(_), Some(_)) => return Err(invalid("A response has either a result or an error.")),
            (result, error) => result.or(error),
        };
        match (members.get("method"), answer) {
            (Some(method), None) => {
                let method = json::text(method).ok_or_else(|| invalid("The method must be a string."))?;
                Ok(Self { message: named(Method::named(&method), id)?, payload: members.get("params") })
            }
            (None, Some(_)) if members.get("params").is_none() => {
                let id = id.ok_or_else(|| invalid("A response needs the id of its request."))?;
                Ok(Self { message: Message::Response { id }, payload: answer })
            }
            _ => Err(invalid("The message is neither a request, nor a notification, nor a response.")),
        }
    }
}

/// A request or a notification. A method has one of the two forms only, so that nothing runs without an answer.
fn named(method: Method, id: Option<Id>) -> Result<Message, Reject> {
    match (id, method.is_notification()) {
        (Some(id), false) => Ok(Message::Request { id, method }),
        (None, true) => Ok(Message::Notification { method }),
        (Some(_), true) => Err(invalid("A notification must not have an id.")),
        (None, false) => Err(invalid("A request needs an id.")),
    }
}

fn invalid(message: &'static str) -> Reject {
    Reject::bad_request(code::INVALID_REQUEST, message)
}

impl From<Fault> for Reject {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => Self::bad_request(code::PARSE_ERROR, "The body is not one JSON value in UTF-8."),
            Fault::DuplicateKey => invalid("An object in the body names a member twice."),
            Fault::TooDeep => invalid("The body is nested too deeply."),
        }
    }
}
