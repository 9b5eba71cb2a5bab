//! What events say of a call.

use serde::Serialize;

use crate::ids::{ClientId, FamilyId, ServerId};

/// Whose call it was, and of what.
#[derive(Clone, Debug, Serialize)]
pub struct CallFacts {
    /// What the token belongs to.
    pub family: FamilyId,
    /// Whose software.
    pub client: ClientId,
    /// `person:<id>`, `client:<id>`, or `issuer:<id>:` and a commitment to the subject of an outside issuer.
    pub subject: String,
    /// To which server.
    pub server: ServerId,
    /// `modern` or `legacy`.
    pub era: &'static str,
    /// The method; `GET`, `DELETE` or `response` where the message has none.
    pub method: String,
    /// The tool, prompt, resource or task; the beginning of it where it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 of the whole name, in hexadecimal, where `name` is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_digest: Option<String>,
    /// The access token: the audit-handle key's id and a keyed hash.
    pub token: String,
    /// The audit-handle key's id and SHA-256 of a salt and the raw `params`. Each event has a salt of its own.
    pub arguments: String,
}

/// How a call ended that had been announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The upstream's answer was passed on to its end.
    Answered,
    /// It did not reach the upstream, or the upstream refused it before anything was done.
    NotExecuted,
    /// It was sent, and there was no answer that could be passed on.
    MayHaveBeenExecuted,
    /// The token was revoked before the end of the answer. What had been sent may have been executed.
    Revoked,
    /// The token expired before the end of the answer. What had been sent may have been executed.
    Expired,
    /// The process lost its lease before the end of the answer, so that it could not tell whether the token was still good.
    /// What had been sent may have been executed.
    Lapsed,
    /// The client went away, or was sent away by a shutdown, before the end of the answer.
    ClientGone,
    /// The upstream's answer broke off, or was larger than allowed, after a part of it had been passed on.
    BrokenOff,
    /// The process ended before it could say. The call may have been executed.
    Unknown,
}

/// Why a call that was understood was not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallRefusal {
    /// The server speaks the other era.
    OtherEra,
    /// The session is unknown, has ended or is somebody else's.
    UnknownSession,
    /// A header that names a session or an event is malformed.
    BadHeader,
    /// Too many others of its family or its tenant are in flight.
    TooManyCalls,
}
