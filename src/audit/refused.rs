//! What strangers do and are refused, as types.

use super::{Event, PlatformEvent, event::Tally};
use crate::ids::PersonId;

/// Something that was refused to somebody who is not known here, or says so without proof.
///
/// Texts in it are words of the code, never what somebody sent: whoever sends many different things must not thereby
/// make many different events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// A login. `person`: whose account, where the name is somebody's. `throttled`: the password was not looked at.
    Login {
        /// Whose account.
        person: Option<PersonId>,
        /// Too many before.
        throttled: bool,
    },
    /// A second factor, after the first one was right. `throttled`: it was not looked at.
    Second {
        /// Whose.
        person: Option<PersonId>,
        /// Too many before.
        throttled: bool,
    },
    /// A session cookie that belongs to no session, or to one that has ended.
    Session,
    /// A form that no page of ours sent in this browser: `origin`, `cookie`, `token`.
    Form(&'static str),
    /// A call without a good access token: `absent`, `malformed`, `foreign`, `unknown`, `resource`; of a JWT also
    /// `inner`, `signature`, `claims`.
    Bearer(&'static str),
    /// Client authentication.
    Client,
    /// A token request.
    Token {
        /// Its `grant_type`, or `other`.
        grant: &'static str,
        /// `unknown`, or the error of RFC 6749.
        reason: &'static str,
    },
    /// A registration, or a change of one.
    Registration(&'static str),
    /// An authorization request.
    Authorization(&'static str),
    /// A device's request, or a person's try with a user code: `off`, `user_code`, `attempts`, `limited`, or the error of
    /// RFC 6749 and RFC 8707.
    Device(&'static str),
    /// A link to set a password that never was, or cannot be used any more.
    Link,
    /// A login at an identity provider: `state`, `iss`, `error`, `exchange`, `token`, `account`, `unreachable`.
    Provider(&'static str),
    /// A page or a change of the console, to somebody whose roles do not go so far: the action.
    Console(&'static str),
    /// A request of the admin API: `absent`, `malformed`, `unknown` (the token), `role` (whoever it acts for may not), `right` (the
    /// token does not go so far).
    Api(&'static str),
    /// A request that leads nowhere.
    Request(&'static str),
}

impl Refused {
    /// The kind of its event.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Login { .. } => "login.failed",
            Self::Second { .. } => "second_factor.failed",
            Self::Session => "session.refused",
            Self::Form(_) => "form.refused",
            Self::Bearer(_) => "bearer.refused",
            Self::Client => "client.refused",
            Self::Token { .. } => "token.refused",
            Self::Registration(_) => "registration.refused",
            Self::Authorization(_) => "authorization.refused",
            Self::Device(_) => "device.refused",
            Self::Link => "link.refused",
            Self::Provider(_) => "provider.refused",
            Self::Console(_) => "console.refused",
            Self::Api(_) => "api.refused",
            Self::Request(_) => "request.refused",
        }
    }

    /// The same, whoever it happened to: bounds are kept by this.
    pub(super) const fn class(self) -> Self {
        match self {
            Self::Login { throttled, .. } => Self::Login { person: None, throttled },
            Self::Second { throttled, .. } => Self::Second { person: None, throttled },
            other => other,
        }
    }

    pub(super) fn event(self, tally: Tally) -> Event {
        match self {
            Self::Login { person, throttled } => Event::LoginFailed { person, throttled, tally },
            Self::Second { person, throttled } => Event::SecondFactorFailed { person, throttled, tally },
            Self::Session => Event::SessionRefused { tally },
            Self::Form(reason) => Event::FormRefused { reason, tally },
            Self::Bearer(reason) => Event::BearerRefused { reason, tally },
            Self::Client => Event::ClientRefused { tally },
            Self::Token { grant, reason } => Event::TokenRefused { grant, reason, tally },
            Self::Registration(reason) => Event::RegistrationRefused { reason, tally },
            Self::Authorization(reason) => Event::AuthorizationRefused { reason, tally },
            Self::Device(reason) => Event::DeviceRefused { reason, tally },
            Self::Link => Event::LinkRefused { tally },
            Self::Provider(reason) => Event::ProviderRefused { reason, tally },
            Self::Console(action) => Event::ConsoleRefused { action, tally },
            Self::Api(reason) => Event::ApiRefused { reason, tally },
            Self::Request(reason) => Event::RequestRefused { reason, tally },
        }
    }

    /// Where it belongs to no tenant.
    pub(super) fn platform_event(self, tally: Tally) -> PlatformEvent {
        let reason = match self {
            Self::Request(reason) => reason,
            other => other.kind(),
        };
        PlatformEvent::RequestRefused { reason, tally }
    }
}
