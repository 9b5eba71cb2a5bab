//! What a call may do. Pure: no I/O.
