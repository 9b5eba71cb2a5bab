//! Secrets: opaque handles and what is stored of them.
