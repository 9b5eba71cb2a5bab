//! What is built from everything else.

mod routes;
