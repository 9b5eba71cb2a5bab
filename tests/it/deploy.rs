//! What is in `deploy/` works as it is, but for names, addresses and places.

mod nginx;
