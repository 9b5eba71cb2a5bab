//! Forms of an HTML page, read as far as a browser without JavaScript needs.

/// A form.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Form {
    /// Where it posts to, as it is written there.
    pub(super) action: String,
    controls: Vec<Control>,
}

#[derive(Debug, PartialEq)]
struct Control {
    kind: Kind,
    name: String,
    value: String,
}

#[derive(Debug, PartialEq)]
enum Kind {
    /// Hidden, or to be typed into.
    Text,
    Checkbox {
        ticked: bool,
    },
    Button,
}

/// A start tag.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, String)>,
}

impl Tag<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// The control that this tag makes, if it has one with a name.
    fn control(&self) -> Option<Control> {
        let kind = match (self.name, self.get("type").unwrap_or_default()) {
            ("input", "checkbox") => Kind::Checkbox { ticked: self.get("checked").is_some() },
            ("input", _) => Kind::Text,
            ("button", _) => Kind::Button,
            _ => return None,
        };
        let name = self.get("name").filter(|name| !name.is_empty())?.to_owned();
        Some(Control { kind, name, value: self.text("value") })
    }
}

impl Form {
    /// All forms of a page, in order.
    pub(super) fn all(html: &str) -> Vec<Self> {
        let mut forms = Vec::new();
        let mut open: Option<Self> = None;
        for tag in tags(html) {
            match tag.name {
                "form" => open = Some(Self { action: tag.text("action"), controls: Vec::new() }),
                "/form" => forms.extend(open.take()),
                _ => {
                    if let Some(form) = &mut open {
                        form.controls.extend(tag.control());
                    }
                }
            }
        }
        forms
    }

    /// Whether it has a control of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.controls.iter().any(|control| control.name == name)
    }

    /// The values of the boxes of this name that are ticked.
    pub(super) fn ticked(&self, name: &str) -> Vec<&str> {
        let ticked = |control: &&Control| control.kind == Kind::Checkbox { ticked: true } && control.name == name;
        self.controls.iter().filter(ticked).map(|control| control.value.as_str()).collect()
    }

    /// What the browser sends once `typed` is typed in, and the button with this name and value pressed.
    pub(super) fn filled<'a>(&'a self, typed: &[(&str, &'a str)], pressed: (&str, &str)) -> Vec<(&'a str, &'a str)> {
        let sent = |control: &'a Control| {
            let typed = typed.iter().find(|(name, _)| *name == control.name).map(|(_, text)| *text);
            let value = match &control.kind {
                Kind::Text => typed.unwrap_or(&control.value),
                Kind::Checkbox { ticked: true } => &control.value,
                Kind::Button if (control.name.as_str(), control.value.as_str()) == pressed => &control.value,
                Kind::Checkbox { ticked: false } | Kind::Button => return None,
            };
            Some((control.name.as_str(), value))
        };
        self.controls.iter().filter_map(sent).collect()
    }
}

/// Start and end tags, in order; the name of an end tag begins with a slash. Comments are not tags.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name_end = after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len());
        let (name, inside) = after.split_at(name_end);
        let (attributes, after) = attributes(inside);
        tags.push(Tag { name, attributes });
        rest = after;
    }
    tags
}

/// The attributes of a tag, and what comes after it. Values are in double quotes, or there is none.
fn attributes(inside: &str) -> (Vec<(&str, String)>, &str) {
    let mut attributes = Vec::new();
    let mut rest = inside;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            // The end of the tag, or nothing that a name begins with.
            return (attributes, rest.split_once('>').map_or("", |(_, after)| after));
        }
        let quoted = after.strip_prefix("=\"").and_then(|value| value.split_once('"'));
        let (value, after) = quoted.unwrap_or(("", after));
        attributes.push((name, unescaped(value)));
        rest = after;
    }
}

/// Text with its character references replaced: those that HTML escaping makes.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';').and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"<!doctype html><main><!-- <form action="/no"> -->
        <form method="post" action="/t/demo/consent?a=1&amp;b=2">
        <input type="hidden" name="csrf" value="x&#34;y&#x27;z&lt;">
        <input id="u" name="username" type="text" value="" required autofocus>
        <input type="checkbox" name="scope" value="mcp:read" checked><input type="checkbox" name="scope" value="mcp:write">
        <button type="submit" name="decision" value="deny">Deny</button>
        <button class="primary" type="submit" name="decision" value="approve">Approve</button>
        </form>
        <form id="switch" action="/t/demo/switch"><input type="hidden" name="csrf" value="q"/></form></main>"#;

    #[test]
    fn a_form_is_sent_as_a_browser_sends_it() {
        let forms = Form::all(PAGE);
        let [form, switch] = forms.as_slice() else { panic!("{forms:?}") };
        assert_eq!((form.action.as_str(), switch.action.as_str()), ("/t/demo/consent?a=1&b=2", "/t/demo/switch"));
        assert_eq!(form.ticked("scope"), ["mcp:read"]);
        let sent = form.filled(&[("username", "alex")], ("decision", "approve"));
        let expected = [("csrf", "x\"y'z<"), ("username", "alex"), ("scope", "mcp:read"), ("decision", "approve")];
        assert_eq!(sent, expected);
        assert!(switch.has("csrf") && !switch.has("decision"));
    }

    #[test]
    fn an_ampersand_may_stand_alone() {
        assert_eq!(unescaped("a & b &amp; c &nope; &#xD800; &"), "a & b & c &nope; &#xD800; &");
    }

    proptest! {
        #[test]
        fn whatever_the_page_reading_ends(html in "[<>/=\"a-c &;#!-]{0,200}") {
            Form::all(&html);
        }

        #[test]
        fn an_escaped_value_comes_back(value in "\\PC{0,40}") {
            let escaped = askama::filters::escape(&value, askama::filters::Html).unwrap().to_string();
            let html = format!("<form action=\"/\"><input name=\"it\" value=\"{escaped}\"></form>");
            let forms = Form::all(&html);
            let sent: Vec<_> = forms.iter().flat_map(|form| form.filled(&[], ("", ""))).collect();
            prop_assert_eq!(sent, [("it", value.as_str())]);
        }
    }
}
