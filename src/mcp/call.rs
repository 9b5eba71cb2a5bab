//! One message of a client, parsed.

use std::fmt;

use bytes::Bytes;
use serde_json::{Number, Value};

use super::{Era, Method, Reject, Target};

/// A JSON-RPC id: a string or an integer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Id {
    /// A string.
    Text(String),
    /// An integer between −2⁶³ and 2⁶⁴ − 1.
    Integer(Number),
}

impl Id {
    /// The longest string taken as an id, in bytes.
    pub const LONGEST: usize = 256;

    pub(super) fn from_json(text: &str) -> Option<Self> {
        match serde_json::from_str(text).ok()? {
            Value::String(text) if text.len() <= Self::LONGEST => Some(Self::Text(text)),
            Value::Number(number) if !number.is_f64() => Some(Self::Integer(number)),
            _ => None,
        }
    }
}

impl From<&Id> for Value {
    fn from(id: &Id) -> Self {
        match id {
            Id::Text(text) => Self::String(text.clone()),
            Id::Integer(number) => Self::Number(number.clone()),
        }
    }
}

/// What kind of message this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request, which is answered under its id.
    Request {
        /// The id to answer under.
        id: Id,
        /// The method.
        method: Method,
    },
    /// A notification, which gets no answer.
    Notification {
        /// The method.
        method: Method,
    },
    /// A legacy client's answer to a request of the server.
    Response {
        /// The id the server chose.
        id: Id,
    },
    /// A legacy client's GET: it opens the stream of the server's own messages.
    OpenStream,
    /// A legacy client's DELETE: it ends the session.
    EndSession,
}

/// One message, parsed once. Only [`super::parse()`], [`super::open_stream`] and [`super::end_session`] make one.
#[derive(Clone)]
pub struct Call {
    pub(super) era: Era,
    pub(super) version: &'static str,
    pub(super) message: Message,
    pub(super) target: Target,
    pub(super) requested_version: Option<String>,
    pub(super) arguments: Bytes,
    pub(super) bytes: Bytes,
}

impl Call {
    /// The era the client speaks.
    pub fn era(&self) -> Era {
        self.era
    }

    /// The revision the message is written in. Before a handshake this is the assumed one.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// What kind of message this is.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The method, where the message has one.
    pub fn method(&self) -> Option<&Method> {
        match &self.message {
            Message::Request { method, .. } | Message::Notification { method } => Some(method),
            Message::Response { .. } | Message::OpenStream | Message::EndSession => None,
        }
    }

    /// The id to answer under: that of a request.
    pub fn id(&self) -> Option<&Id> {
        match &self.message {
            Message::Request { id, .. } => Some(id),
            _ => None,
        }
    }

    /// What the call is about.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The name of the one thing the call is about: tool, prompt, resource URI or task.
    pub fn name(&self) -> Option<&str> {
        self.target.name()
    }

    /// The raw bytes of `params` (of `result` or `error` in a response; nothing where there is none).
    pub fn arguments(&self) -> &Bytes {
        &self.arguments
    }

    /// Exactly what was parsed. This goes on unchanged.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The version that an `initialize` asks for.
    pub fn requested_version(&self) -> Option<&str> {
        self.requested_version.as_deref()
    }

    /// Whether a server that speaks `server` only can take this call.
    ///
    /// # Errors
    /// 400: for a modern call an error that makes clients fall back to `initialize`, for a legacy one an error that
    /// names the supported version. 405 for a GET or DELETE at a modern server.
    pub fn check_server(&self, server: Era) -> Result<(), Reject> {
        match (self.era, server) {
            (Era::Modern, Era::Modern) | (Era::Legacy, Era::Legacy) => Ok(()),
            (Era::Modern, Era::Legacy) => Err(Reject::legacy_only(self.id().cloned())),
            (Era::Legacy, Era::Modern) => Err(match self.message {
                Message::OpenStream | Message::EndSession => Reject::post_only(),
                _ => Reject::modern_only(self),
            }),
        }
    }
}

/// Arguments are the client's business: not shown.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("era", &self.era)
            .field("version", &self.version)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
