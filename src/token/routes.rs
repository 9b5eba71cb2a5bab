//! `POST token` (OAuth 2.1 §3.2) and `POST revoke` (RFC 7009).
