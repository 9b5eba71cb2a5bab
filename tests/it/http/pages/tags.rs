//! The start tags of a page, read plainly: enough for HTML that we wrote ourselves.

/// A start tag.
pub(in crate::http) struct Tag {
    /// Its name.
    pub(in crate::http) name: String,
    /// Its attributes in order; one without a value has an empty one. Values are as they stand, not unescaped.
    pub(in crate::http) attributes: Vec<(String, String)>,
}

impl Tag {
    /// The value of an attribute.
    pub(in crate::http) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.as_str())
    }
}

/// All start tags in order.
pub(in crate::http) fn tags(html: &str) -> Vec<Tag> {
    html.split('<').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic())).map(tag).collect()
}

fn tag(text: &str) -> Tag {
    let end = text.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '=').unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end);
        if attribute.is_empty() {
            return Tag { name: name.to_owned(), attributes };
        }
        let value = match after.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').expect("a quoted value ends");
                rest = after;
                value
            }
            None => {
                assert!(!after.starts_with('='), "an attribute without quotes in <{name}>");
                rest = after;
                ""
            }
        };
        attributes.push((attribute.to_owned(), value.to_owned()));
    }
}
