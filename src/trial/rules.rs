//! What a server can break: each with the place that requires it, and what real clients do about it.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Some clients stumble, or a SHOULD is not kept.
    Odd,
    /// A requirement is broken.
    Wrong,
}

/// A requirement.
#[derive(Debug)]
pub(super) struct Rule {
    /// For programs; never changes.
    pub(super) code: &'static str,
    pub(super) level: Level,
    /// Where it is required.
    pub(super) requirement: &'static str,
    /// What clients do when it is broken.
    pub(super) clients: &'static str,
}

macro_rules! rules {
    ($($name:ident, $level:ident, $code:literal, $requirement:literal, $clients:literal;)*) => {
        $(pub(super) const $name: Rule =
            Rule { code: $code, level: Level::$level, requirement: $requirement, clients: $clients };)*
        /// All of them.
        #[cfg(test)]
        const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // Connections and answers.
    NO_ANSWER, Wrong, "no-answer", "RFC 9110 §3", "give up";
    TLS, Wrong, "tls", "RFC 9110 §4.3.4; MCP Authorization, Communication Security",
        "refuse the connection, and most say only that it failed";
    SLOW, Wrong, "slow", "none: clients wait 10 to 60 seconds", "give up, and some then ask for a login again";
    ENDLESS, Wrong, "endless-body", "none: these documents have some kilobytes", "cut it off, or hang";
    PLAIN_HTTP, Wrong, "plain-http", "MCP Authorization, Communication Security: all endpoints over HTTPS",
        "refuse it unless the host is this computer";
    OTHER_WORLD, Wrong, "points-to-loopback", "MCP Security Best Practices, SSRF",
        "should refuse to be sent to the computer they run on";
    REDIRECT, Wrong, "redirect", "RFC 8414 §3.2, RFC 9728 §3.2: the answer is 200",
        "do not follow redirects here; claude.ai refuses them";
    HTML, Wrong, "html", "RFC 8414 §3.2, RFC 9728 §3.2: the answer is application/json or a 404",
        "parse the page as JSON and stop, without trying the next address";
    CONTENT_TYPE, Wrong, "content-type", "RFC 8414 §3.2, RFC 9728 §3.2, RFC 6749 §5.1: application/json",
        "refuse it where they check, and hide it where they do not";
    NOT_JSON, Wrong, "not-json", "RFC 8259", "stop";
    NULLS, Odd, "null-member", "RFC 8414 §3.2, RFC 9728 §3.2, RFC 7591 §3.2.1: leave out what has no value",
        "refuse the document where they check its shape (TypeScript SDK)";
    SERVER_ERROR, Wrong, "metadata-5xx", "MCP Authorization Server Discovery: a document that is not there is a 404",
        "stop at a 5xx instead of trying the next address (TypeScript SDK)";

    // The challenge.
    NO_LOGIN, Wrong, "no-401", "MCP Authorization, Token Handling: 401 without a valid token",
        "never begin to log in";
    NO_CHALLENGE, Wrong, "no-challenge", "RFC 9110 §15.5.2, RFC 9728 §5.1: 401 carries WWW-Authenticate",
        "have to guess the well-known address, and some do not";
    MALFORMED_CHALLENGE, Wrong, "malformed-challenge", "RFC 9110 §11.6.1",
        "find what they search for if they search by pattern, and nothing if they parse";
    NOT_BEARER, Wrong, "challenge-not-bearer", "RFC 6750 §3", "do not know what to do with another scheme";
    BEARER_NOT_FIRST, Odd, "bearer-not-first", "none: any order is allowed (RFC 9110 §11.6.1)",
        "read only the first challenge (TypeScript SDK)";
    NO_RESOURCE_METADATA, Odd, "no-resource-metadata", "RFC 9728 §5.1; MCP Authorization: there, or at the well-known address",
        "fall back to the well-known address";
    NO_SCOPE_IN_CHALLENGE, Odd, "no-scope-in-challenge", "MCP Authorization: SHOULD name the scopes",
        "ask for everything in scopes_supported";

    // Protected resource metadata.
    NO_RESOURCE_DOCUMENT, Wrong, "no-resource-document", "RFC 9728 §3; MCP Authorization: servers MUST have one",
        "fall back to the rules of 2025-03-26, or stop";
    RESOURCE_DIFFERS, Wrong, "resource-differs", "RFC 9728 §3.3: identical to the URL that the client was given",
        "compare bytes and stop (VS Code, Grok); others accept a parent path";
    RESOURCE_ELSEWHERE, Wrong, "resource-elsewhere", "RFC 9728 §3.3, §7.3",
        "stop: the token would be good for another server than the one that gets it";
    NO_ISSUERS, Wrong, "no-authorization-servers", "MCP Authorization: authorization_servers has at least one",
        "stop, or take the server's own origin for the issuer";
    NOT_IN_HEADER, Wrong, "bearer-method", "MCP Authorization, Token Handling: the Authorization header",
        "send it in the header whatever the document says";
    OFFLINE_IN_RESOURCE, Odd, "offline-access-in-resource", "MCP Authorization: SHOULD NOT be in the resource's scopes",
        "ask for it, and are refused where the issuer does not know it";

    // Authorization server metadata.
    NO_ISSUER_DOCUMENT, Wrong, "no-issuer-document", "RFC 8414 §3, OpenID Connect Discovery §4; MCP Authorization",
        "guess /authorize, /token and /register at the root (2025-03-26), or stop";
    ISSUER_SLASH, Wrong, "issuer-slash", "RFC 8414 §3.3: identical, byte for byte",
        "compare bytes and stop; the TypeScript SDK forgives one slash, Claude Code does not";
    ISSUER_DIFFERS, Wrong, "issuer-differs", "RFC 8414 §3.3: identical, byte for byte",
        "stop: anybody could claim to be that issuer";
    NO_S256, Wrong, "no-s256", "MCP Authorization: code_challenge_methods_supported has S256",
        "refuse to log in";
    NO_CODE, Wrong, "no-response-type-code", "RFC 8414 §2", "stop: the code flow is all that they know";
    NO_CODE_GRANT, Wrong, "no-code-grant", "RFC 8414 §2", "stop: the code flow is all that they know";
    NO_REFRESH_GRANT, Odd, "no-refresh-grant", "RFC 8414 §2", "do not ask for refresh tokens; people log in again and again";
    NO_PUBLIC_CLIENTS, Odd, "no-auth-method-none", "RFC 8414 §2, RFC 8252 §8.4",
        "do not use metadata documents as client ids (claude.ai, opencode) and fail as public clients";
    NO_WAY_TO_REGISTER, Odd, "no-registration", "MCP Client Registration",
        "need a client id that somebody typed in";
    NO_ISS_ADVERTISED, Odd, "no-iss-parameter", "RFC 9207 §3; MCP Authorization: SHOULD, and will be MUST",
        "cannot tell one authorization server's answer from another's";
    MISSING_ENDPOINT, Wrong, "missing-endpoint", "RFC 8414 §2", "stop";

    // Registration.
    REGISTRATION_REFUSED, Wrong, "registration-refused", "RFC 7591 §3.2.2", "stop, and show what the server says";
    REGISTRATION_STATUS, Wrong, "registration-status", "RFC 7591 §3.2.1: 201 Created",
        "accept 200 (SDKs for TypeScript and Python), or stop";
    NO_CLIENT_ID, Wrong, "no-client-id", "RFC 7591 §3.2.1", "stop";
    REDIRECTS_NOT_ECHOED, Wrong, "redirect-uris-not-echoed", "RFC 7591 §3.2.1: all registered metadata are returned",
        "refuse the answer (TypeScript SDK)";
    NO_SECRET_EXPIRY, Wrong, "no-secret-expiry", "RFC 7591 §3.2.1: REQUIRED beside a client_secret",
        "take the secret for one that never ends, or refuse the answer";
    GRANTS_CUT, Odd, "grants-cut", "RFC 7591 §3.2.1", "believe the answer where they read it";
    METHOD_CHANGED, Odd, "auth-method-changed", "RFC 7591 §3.2.1",
        "go on as they registered where they do not read the answer, and get invalid_client";

    // Login.
    NO_ANSWER_FROM_BROWSER, Wrong, "login-not-finished", "RFC 6749 §4.1.2", "wait some minutes and give up";
    LOGIN_REFUSED, Wrong, "login-refused", "RFC 6749 §4.1.2.1", "show the error and stop";
    STATE_MISSING, Wrong, "state-missing", "RFC 6749 §4.1.2: REQUIRED if it was in the request", "stop";
    STATE_DIFFERS, Wrong, "state-differs", "RFC 6749 §4.1.2: the exact value", "stop: somebody else's login";
    ISS_MISSING, Wrong, "iss-missing", "RFC 9207 §2.3, §2.4: promised by the metadata", "stop (Codex, SDKs since 2026-07-28)";
    ISS_DIFFERS, Wrong, "iss-differs", "RFC 9207 §2.4: the issuer, byte for byte", "stop: a mix-up attack looks like this";
    ISS_UNANNOUNCED, Odd, "iss-not-advertised", "RFC 9207 §3: authorization_response_iss_parameter_supported",
        "check it all the same";
    REPEATED, Wrong, "repeated-parameter", "RFC 6749 §3.1: no parameter more than once", "take the first or the last";
    CODE_MISSING, Wrong, "no-code", "RFC 6749 §4.1.2", "stop";
    NO_DEVICE_ENDPOINT, Wrong, "no-device-endpoint", "RFC 8628 §4", "cannot log in without a browser";
    DEVICE_ANSWER, Wrong, "device-answer", "RFC 8628 §3.2", "stop";

    // Tokens.
    TOKEN_REFUSED, Wrong, "token-refused", "RFC 6749 §5.2", "stop; invalid_client makes some register anew";
    NO_ACCESS_TOKEN, Wrong, "no-access-token", "RFC 6749 §5.1", "stop";
    TOKEN_TYPE, Wrong, "token-type", "RFC 6749 §5.1, RFC 6750 §4: Bearer", "refuse a type that they do not know";
    TOKEN_TYPE_CASE, Odd, "token-type-case", "RFC 6749 §5.1: case insensitive", "send it as the scheme, and strict servers refuse it";
    NO_STORE, Wrong, "no-store", "RFC 6749 §5.1: Cache-Control: no-store", "do not notice; caches between keep the token";
    EXPIRES_IN, Wrong, "expires-in", "RFC 6749 §5.1: a number of seconds", "refuse the answer where they check its shape";
    NO_EXPIRES_IN, Odd, "no-expires-in", "RFC 6749 §5.1: RECOMMENDED", "learn that it is over from a 401";
    SCOPE_NARROWED, Odd, "scope-narrowed", "RFC 6749 §5.1", "ask again when a call is refused";
    NO_REFRESH_TOKEN, Odd, "no-refresh-token", "RFC 6749 §1.5: OPTIONAL", "ask the person to log in again when it ends";

    // MCP.
    TOKEN_NOT_TAKEN, Wrong, "token-not-taken", "MCP Authorization, Token Handling",
        "log in again, get the same, and loop or give up";
    FORBIDDEN, Odd, "forbidden", "RFC 6750 §3.1; MCP Authorization, Scope Challenge Handling",
        "ask for these scopes (step-up), or show the 403";
    BARE_403, Wrong, "403-without-challenge", "MCP Authorization: insufficient_scope with the scopes needed",
        "cannot know what to ask for and show the 403";
    NO_MODERN, Odd, "no-2026-07-28", "MCP Versioning", "fall back to initialize";
    NO_LEGACY, Odd, "no-initialize", "MCP Versioning: before 2026-07-28", "cannot use it: most still begin with initialize";
    NEITHER_ERA, Wrong, "no-mcp", "MCP Streamable HTTP", "give up";
    MCP_ERROR, Wrong, "mcp-error", "JSON-RPC 2.0 §5.1; MCP Tools", "show no tools";
    MCP_ANSWER, Wrong, "mcp-answer", "MCP Streamable HTTP; JSON-RPC 2.0 §5", "give up";
    NO_RESULT_TYPE, Odd, "no-result-type", "MCP 2026-07-28 Overview: resultType is required", "take it for complete";
    NO_CACHE_HINTS, Odd, "no-cache-hints", "MCP 2026-07-28 Caching: ttlMs and cacheScope are required", "ask every time";
    TOOL_ERROR, Odd, "tool-error", "MCP Tools, Error Handling", "show it to the model";

    // What keeps it working.
    GARBAGE_TAKEN, Wrong, "garbage-token-taken", "MCP Authorization, Token Handling: 401 without a valid token",
        "notice nothing: anybody gets in";
    GARBAGE_STATUS, Wrong, "garbage-token-status", "RFC 6750 §3.1: invalid_token is 401", "do not log in again when a token has ended";
    NO_INVALID_TOKEN, Odd, "no-invalid-token", "RFC 6750 §3.1: SHOULD say invalid_token", "cannot tell an ended token from a missing one";
    REFRESH_REFUSED, Wrong, "refresh-refused", "RFC 6749 §6", "ask the person to log in again";
    NOT_ROTATED, Wrong, "refresh-not-rotated", "OAuth 2.1 §4.3.1; MCP Authorization: MUST for public clients",
        "notice nothing: a stolen refresh token is good for ever";
    NO_REVOCATION, Odd, "no-revocation", "RFC 7009; RFC 8414 §2", "leave tokens behind that live on";
    REVOCATION_REFUSED, Wrong, "revocation-refused", "RFC 7009 §2.2: 200", "leave tokens behind that live on";
    STILL_ALIVE, Wrong, "alive-after-revocation", "RFC 7009 §2.1: invalidated at once", "believe that they are logged out";
    DEREGISTRATION, Odd, "not-deregistered", "RFC 7592 §2.3", "leave registrations behind";
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::ALL;

    #[test]
    fn each_code_is_one_rules_and_in_the_manual() {
        let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/try.md")).unwrap();
        let codes: BTreeSet<&str> = ALL.iter().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), ALL.len());
        let lacking: Vec<_> = codes.iter().filter(|code| !manual.contains(&format!("`{code}`"))).collect();
        assert!(lacking.is_empty(), "docs/try.md does not have {lacking:?}");
    }
}
