//! Issuer and resource identity; metadata documents.
