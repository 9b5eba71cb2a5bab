//! Several processes over one database.

mod follow;
