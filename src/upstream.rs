//! Upstream MCP servers: dialers, credentials, forwarding.
