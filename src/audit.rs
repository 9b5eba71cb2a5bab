//! Typed audit events, written in the transaction of the change they witness.
