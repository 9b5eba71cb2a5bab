//! Background work: the janitor.
