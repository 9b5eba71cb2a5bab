//! The authority log: the one place through which authority is taken away.
