//! Error pages of the device flow, and what the field says of a code that leads nowhere.

use http::StatusCode;

use crate::http::{
    trouble::{Trouble, Words},
    visit::Visit,
};

/// Why the field is shown again.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadCode {
    #[error("A code has eight letters, such as BCDF-GHJK. None of them is a vowel or a digit. Check it and try again.")]
    Malformed,
    #[error(
        "No device is waiting with this code. A code lasts {minutes} minutes and is good for one answer. Check its letters, \
         or let the device show you a new one."
    )]
    Unknown { minutes: u64 },
    #[error(
        "There were too many codes that no device waits with, so this one was not looked at. Wait {minutes} minutes and try \
         again."
    )]
    TooMany { minutes: u64 },
}

impl BadCode {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed | Self::Unknown { .. } => StatusCode::BAD_REQUEST,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The word in audit events.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Malformed | Self::Unknown { .. } => "user_code",
            Self::TooMany { .. } => "attempts",
        }
    }
}

/// The tenant has no device flow.
pub(super) fn off(visit: &Visit) -> Trouble {
    let words = Words {
        title: "Devices cannot be connected here",
        what: "Nothing was changed.",
        why: "The administrator of this place has switched off the way in for devices without a browser.",
        now: "Connect from a program that opens a browser itself, or ask your administrator.",
    };
    Trouble::new(StatusCode::NOT_FOUND, &words, &visit.request_id)
}

/// There is nothing to decide any more, or this login was never asked.
pub(super) fn over(visit: &Visit, status: StatusCode) -> Trouble {
    let words = Words {
        title: "This request is over",
        what: "Nothing was changed.",
        why: "It was answered already, its time has run out, or what it was for is not there any more. It may also be that \
              somebody else has logged in since the page was opened.",
        now: "Let the device show you a new code, and type it in again.",
    };
    Trouble::new(status, &words, &visit.request_id)
}

/// A form without a decision.
pub(super) fn no_decision(visit: &Visit) -> Trouble {
    let words = Words {
        title: "Your answer was not understood",
        what: "Nothing was allowed.",
        why: "The form came without a decision: allow or deny.",
        now: "Go back, load the page again, and choose one of its two buttons.",
    };
    Trouble::new(StatusCode::BAD_REQUEST, &words, &visit.request_id)
}
