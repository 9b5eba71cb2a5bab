//! `sallyport apply`: a TOML file of tenants, servers, people and clients becomes rows, in one transaction.
