//! `WWW-Authenticate`, read twice: by the grammar (RFC 9110 §11.6.1), and as clients do that search for a pattern.

/// One challenge of a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter; names are compared without case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_bearer(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("bearer")
    }
}

/// All challenges, by the grammar. The error is a sentence's end.
pub(super) fn strict(header: &str) -> Result<Vec<Challenge>, String> {
    let mut rest = Text(header);
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        rest.skip([' ', '\t', ',']);
        if rest.0.is_empty() {
            return Ok(challenges);
        }
        let name = rest.token().ok_or_else(|| format!("it has {} where a name must stand", rest.next()))?;
        if rest.is_equals() {
            // A parameter of the challenge before.
            let challenge = challenges.last_mut().ok_or("it begins with a parameter instead of a scheme")?;
            let (name, value) = (name.to_ascii_lowercase(), rest.value()?);
            if challenge.get(&name).is_some() {
                return Err(format!("it has {name} twice"));
            }
            challenge.parameters.push((name, value));
        } else {
            challenges.push(Challenge { scheme: name.to_owned(), parameters: Vec::new() });
            if rest.0.starts_with(' ') {
                rest.skip([' ']);
                rest.token68();
                continue;
            }
        }
        rest.skip([' ', '\t']);
        if !rest.0.is_empty() && !rest.0.starts_with(',') {
            return Err(format!("it has {} where a comma must stand", rest.next()));
        }
    }
}

/// The parameters that clients search for, wherever they stand.
pub(super) fn lenient(header: &str) -> Challenge {
    let scheme = header.split_whitespace().next().unwrap_or_default().trim_end_matches(',').to_owned();
    let find = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}="))?;
        let value = match rest.strip_prefix('"') {
            Some(rest) => rest.split('"').next()?,
            None => rest.split([' ', ',']).next()?,
        };
        Some((name.to_owned(), value.to_owned()))
    };
    let parameters =
        ["resource_metadata", "scope", "error", "error_description"].into_iter().filter_map(find).collect();
    Challenge { scheme, parameters }
}

struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn skip<const N: usize>(&mut self, characters: [char; N]) {
        self.0 = self.0.trim_start_matches(characters);
    }

    fn take(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !part(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
        (!token.is_empty()).then_some(token)
    }

    /// Whether `=` comes next, perhaps after spaces, which it then takes.
    fn is_equals(&mut self) -> bool {
        match self.0.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(rest) => {
                self.0 = rest.trim_start_matches([' ', '\t']);
                true
            }
            None => false,
        }
    }

    /// A token of 68 characters' alphabet instead of parameters, if there is one. It is of no use here.
    fn token68(&mut self) {
        let mut ahead = Text(self.0);
        let taken = ahead.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        ahead.skip(['=']);
        let rest = ahead.0.trim_start_matches([' ', '\t']);
        if !taken.is_empty() && (rest.is_empty() || rest.starts_with(',')) {
            self.0 = rest;
        }
    }

    fn value(&mut self) -> Result<String, String> {
        let Some(mut rest) = self.0.strip_prefix('"').map(str::chars) else {
            let value = self.token().map(str::to_owned);
            return value.ok_or_else(|| format!("it has {} where a value must stand", self.next()));
        };
        let mut value = String::new();
        loop {
            match rest.next() {
                Some('"') => break,
                Some('\\') => value.extend(rest.next()),
                Some(c) => value.push(c),
                None => return Err("a quotation mark is never closed".to_owned()),
            }
        }
        self.0 = rest.as_str();
        Ok(value)
    }

    fn next(&self) -> String {
        self.0.chars().next().map_or_else(|| "nothing".to_owned(), |c| format!("'{c}'"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_grammar_has_many_forms() {
        let header = r#"DPoP algs="ES256 EdDSA", Bearer  realm = "a, \"b\"", scope=mcp:x , error="e""#;
        assert!(strict(header).is_err(), "a colon is in no token");
        let header = r#"Negotiate YII=, Basic, Bearer  Realm = "a, \"b\"", scope="x y" ,, error=e"#;
        let all = strict(header).unwrap();
        assert_eq!(all.iter().map(|one| one.scheme.as_str()).collect::<Vec<_>>(), ["Negotiate", "Basic", "Bearer"]);
        let got = ["realm", "scope", "error", "x"].map(|name| all[2].get(name));
        assert_eq!(got, [Some("a, \"b\""), Some("x y"), Some("e"), None]);
    }

    #[test]
    fn what_is_malformed_is_found_by_a_search_only() {
        for header in [
            "Bearer resource_metadata=https://a.example/x, scope=\"s\"",
            "Bearer resource_metadata=\"https://a.example/x\" scope=\"s\"",
            "Bearer, resource_metadata=\"https://a.example/x\", scope=\"s",
            "Bearer scope=\"s\", scope=\"t\", resource_metadata=\"https://a.example/x\"",
            "resource_metadata=\"https://a.example/x\", scope=\"s\"",
        ] {
            assert!(strict(header).is_err(), "{header}");
            assert_eq!(lenient(header).get("resource_metadata"), Some("https://a.example/x"), "{header}");
            assert_eq!(lenient(header).get("scope"), Some("s"), "{header}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(header in "\\PC{0,80}") {
            let _ = strict(&header);
            let _ = lenient(&header);
        }

        #[test]
        fn quoted_values_come_back(value in "[ -~]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let all = strict(&format!("Basic, Bearer scope=\"{quoted}\", error=\"e\"")).unwrap();
            prop_assert_eq!(all[1].get("scope"), Some(value.as_str()));
        }
    }
}
