//! The last step before a program on this computer takes over.

use askama::Template;

use super::{SafeHref, filters};

/// A link that opens a program, for redirect URIs with a scheme of their own: browsers ignore or block a redirect to
/// one, and a person should see what is about to open.
#[derive(Template)]
#[template(path = "interstitial.html")]
pub struct InterstitialPage {
    /// The client's name, as it chose it.
    pub client_name: String,
    /// The redirect URI with the answer (the code, or the error) in its query.
    pub href: SafeHref,
    /// What the link opens: `cursor://`, or a host.
    pub host_or_scheme: String,
    /// Whether the person approved. If not, the link carries the refusal.
    pub approved: bool,
}
