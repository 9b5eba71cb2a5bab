//! `WWW-Authenticate` challenges (RFC 6750, RFC 9728).
//!
//! One line, `Bearer` first, `scope` before `error_description`: clients read this with regular expressions.

use http::HeaderValue;

/// The error codes of RFC 6750, section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BearerError {
    /// The token is malformed in transport: 400.
    InvalidRequest,
    /// Expired, revoked, unknown, or for another resource: 401.
    InvalidToken,
    /// Good, but not for this call: 403.
    InsufficientScope,
    /// Good, but the person's login is too old for this call (RFC 9470): 401.
    StaleLogin,
}

impl BearerError {
    /// The name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::StaleLogin => "insufficient_user_authentication",
        }
    }
}

/// What a challenge says.
#[derive(Clone, Debug)]
pub(super) struct Challenge<'a> {
    /// The address of the resource's metadata (RFC 9728).
    pub(super) metadata_url: &'a str,
    /// The scopes to ask for, separated by spaces. Clients take them as they stand.
    pub(super) scope: &'a str,
    /// How old the login may be, in seconds (RFC 9470).
    pub(super) max_age: Option<u32>,
    /// What is wrong, and in words. Absent if no token was presented (RFC 6750, 3.1).
    pub(super) error: Option<(BearerError, &'a str)>,
}

impl Challenge<'_> {
    /// The header's value.
    pub(super) fn value(&self) -> HeaderValue {
        let mut line = String::from("Bearer ");
        if let Some((error, _)) = self.error {
            push(&mut line, "error", error.name());
            line.push_str(", ");
        }
        if !self.scope.is_empty() {
            push(&mut line, "scope", self.scope);
            line.push_str(", ");
        }
        if let Some(max_age) = self.max_age {
            push(&mut line, "max_age", &max_age.to_string());
            line.push_str(", ");
        }
        push(&mut line, "resource_metadata", self.metadata_url);
        if let Some((_, description)) = self.error {
            line.push_str(", ");
            push(&mut line, "error_description", description);
        }
        // Nothing is left in the line that a header cannot hold.
        HeaderValue::from_str(&line).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

/// Appends `name="value"`, escaped (RFC 9110, 5.6.4). Characters outside printable ASCII become `?`.
fn push(line: &mut String, name: &str, value: &str) {
    line.push_str(name);
    line.push_str("=\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            ' '..='~' => line.push(character),
            _ => line.push('?'),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METADATA: &str = "https://gw.example/.well-known/oauth-protected-resource/t/acme/mcp/github";

    #[test]
    fn without_a_token_it_names_no_error() {
        let challenge = Challenge { metadata_url: METADATA, scope: "mcp:read mcp:write", max_age: None, error: None };
        assert_eq!(
            challenge.value(),
            format!("Bearer scope=\"mcp:read mcp:write\", resource_metadata=\"{METADATA}\"").as_str()
        );
    }

    #[test]
    fn an_error_comes_first_and_its_description_last() {
        let challenge = Challenge {
            metadata_url: METADATA,
            scope: "mcp:write",
            max_age: Some(300),
            error: Some((BearerError::InsufficientScope, "the token lacks a scope")),
        };
        let expected = format!(
            "Bearer error=\"insufficient_scope\", scope=\"mcp:write\", max_age=\"300\", resource_metadata=\"{METADATA}\", \
             error_description=\"the token lacks a scope\""
        );
        assert_eq!(challenge.value(), expected.as_str());
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_quotes(scope in ".*", description in ".*") {
            let error = Some((BearerError::InvalidToken, description.as_str()));
            let line = Challenge { metadata_url: METADATA, scope: &scope, max_age: None, error }.value();
            let line = line.to_str().unwrap();
            // Outside of quoted strings there are only the names that belong there.
            let (mut outside, mut quoted, mut escaped) = (String::new(), false, false);
            for character in line.chars() {
                match (quoted, escaped, character) {
                    (true, true, _) => escaped = false,
                    (true, false, '\\') => escaped = true,
                    (_, _, '"') => quoted = !quoted,
                    (false, _, _) => outside.push(character),
                    _ => {}
                }
            }
            prop_assert!(!quoted);
            let scope = if scope.is_empty() { "" } else { "scope=, " };
            prop_assert_eq!(outside, format!("Bearer error=, {scope}resource_metadata=, error_description="));
        }
    }
}
