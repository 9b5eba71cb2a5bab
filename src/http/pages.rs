//! The pages people see: a view for each, askama templates in `templates/`, one stylesheet, and one
//! script for passkeys.
//!
//! A view holds owned strings and says nothing about HTTP. Everything in it is escaped on output, and everything that
//! a client chose itself (its name, its website) also goes through [`display_text`] in the template, so no caller can
//! forget it. An address that somebody else chose is a [`SafeHref`].

mod account;
mod chart;
mod consent;
pub mod console;
mod device;
mod error;
mod filters;
mod first;
mod history;
mod href;
mod interstitial;
mod lines;
mod link;
mod login;
mod passkey;
mod qr;
mod second;
mod security;
mod stylesheet;
mod text;

#[cfg(test)]
mod tests;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

pub use account::{GrantView, SignedInPage, SignedOutPage};
pub use chart::{Chart, Point, Unit, grouped};
pub use consent::{ClientView, ConsentPage, ReturnTo, ScopeChoice, ServerView};
pub use device::{DeviceCodePage, DeviceDonePage, DevicePage, DeviceView};
pub use error::{ErrorLink, ErrorPage};
pub use first::FirstPage;
pub use history::{Deed, HistoryPage};
pub use href::{SafeHref, UnsafeHref};
pub use interstitial::InterstitialPage;
pub use lines::{Lines, Scale, Values};
pub use link::{LinkDonePage, LinkPage};
pub use login::{AskingClient, LoginChoice, LoginPage};
pub use passkey::{PasskeyAsk, PasskeyPage};
pub use qr::Qr;
pub use second::{EnrolPage, Errand, RecoveryPage, SecondPage};
pub use security::{OwnLogin, OwnPasskey, OwnProvider, PasswordPage, SecurityPage};
pub use stylesheet::{STYLESHEET_ROUTE, script_path, stylesheet, stylesheet_path};
pub use text::display_text;

/// Where a page may take things from.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
);
/// The same for a page that asks for a passkey, which takes a script.
const POLICY_WITH_SCRIPT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
);

/// What every page is sent with, and a policy.
///
/// There is no `form-action` on purpose: Chrome applies it to the redirect that follows the consent form, so it would
/// block the way back to the client. `Referrer-Policy` is `same-origin`, since with `no-referrer` Chromium sends
/// `Origin: null` on our own form posts, and the CSRF check wants the origin.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// Renders a page with the security headers that every page has.
///
/// A page that cannot be rendered is a fault of ours: 500 in plain text, with nothing of the page in it.
pub fn html(status: StatusCode, page: impl Template) -> Response {
    draw(status, page, POLICY)
}

/// The same for a page that takes the script of [`script_path`]. Only such pages may run any.
pub fn html_with_script(status: StatusCode, page: impl Template) -> Response {
    draw(status, page, POLICY_WITH_SCRIPT)
}

fn draw(status: StatusCode, page: impl Template, policy: HeaderValue) -> Response {
    match page.render() {
        Ok(body) => {
            let policy = (header::CONTENT_SECURITY_POLICY, policy);
            (status, HeaderMap::from_iter(HEADERS.into_iter().chain([policy])), body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                [(header::CACHE_CONTROL, "no-store")],
                "Sallyport could not draw this page. That is a fault of ours: nothing was changed. Try again in a moment.\n",
            )
                .into_response()
        }
    }
}
