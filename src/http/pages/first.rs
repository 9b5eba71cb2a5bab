//! The first tenant, and its administrator.

use askama::Template;

/// The form behind the link that the first start prints.
///
/// It posts `link`, `name`, `slug`, `username`, `password` and `repeat`.
#[derive(Template)]
#[template(path = "first.html")]
pub struct FirstPage {
    /// The handle of the link.
    pub link: String,
    /// The name of the place.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// The administrator's name at login.
    pub username: String,
    /// Why the last try failed and what to do, in whole sentences.
    pub error: Option<String>,
}
