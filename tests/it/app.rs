//! What is built from everything else.

mod cold;
mod routes;
