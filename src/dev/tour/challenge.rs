//! `WWW-Authenticate`, as far as a Bearer client reads it (RFC 6750 §3, RFC 9110 §11.6.1).

/// A Bearer challenge.
#[derive(Debug, PartialEq)]
pub(super) struct Challenge(Vec<(String, String)>);

impl Challenge {
    /// Reads `Bearer name="value", …`.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = Vec::new();
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, after) = quoted(after)?;
            let name = name.trim_matches([' ', ',']).to_ascii_lowercase();
            parameters.push((name, value));
            rest = after;
        }
        Some(Self(parameters))
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The rest of a quoted string, without its backslashes, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_whatever_they_hold() {
        let header = r#"Bearer error="invalid_token", scope="a b", error_description="it, \"so\" = gone", Realm="x""#;
        let challenge = Challenge::parse(header).unwrap();
        let names = ["error", "scope", "error_description", "realm", "resource"];
        let expected = [Some("invalid_token"), Some("a b"), Some("it, \"so\" = gone"), Some("x"), None];
        assert_eq!(names.map(|name| challenge.get(name)), expected);
    }

    #[test]
    fn another_scheme_or_half_a_value_is_no_challenge() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(Challenge::parse("Bearer error=\"x"), None);
        assert_eq!(Challenge::parse("bearer scope=\"\"").unwrap().get("scope"), Some(""));
    }
}
