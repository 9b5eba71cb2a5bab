//! Authorization requests: request → interaction → login → consent → response. Nothing is trusted from the URL twice.

mod begin;
mod consent;
pub mod device;
pub mod interaction;
mod page;
mod place;
mod respond;
pub mod routes;
mod standing;
mod trouble;
