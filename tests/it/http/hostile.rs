//! What somebody with bad intentions tries against pages, tried on every route: forms that others made, frames, planted cookies,
//! markup in whatever is shown, ways to somewhere else, fields that nobody asked for. What is another tenant's is in
//! `tests/it/promises/tenants_do_not_meet.rs`.
//!
//! The requests are the good ones of `tests/it/http/generated/scene.rs`, each with one thing wrong. A new route is tried as
//! soon as it is in the table: one that nobody says how to ask fails there.

mod ask;
mod assignment;
mod csrf;
mod fixation;
mod framing;
mod html;
mod markup;
mod props;
mod redirects;
mod world;
