//! Revoked means refused, on every node: three processes over one database, and everything that goes wrong between them.
//!
//! Callers use tokens at all three without a pause, over connections that stay and caches that are warm. From the moment
//! at which a revocation is answered, no call that is *sent* may be accepted anywhere, and none may reach the upstream:
//! refused, or 503 from a node that cannot be sure, never more. What was on its way at that moment delivers nothing after
//! it. "Sent after" needs no clock: a caller looks whether the answer is there, and then sends.
//!
//! Each test prints how many calls it tried after an answer and how long the answers took; `--nocapture` shows it.

mod attack;
mod calm;
mod clocks;
mod commands;
mod database;
mod orphan;
mod process;
mod siege;
