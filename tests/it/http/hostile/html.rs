//! A page read strictly: as a browser reads it if everything in it is well-formed, and not at all if anything is not. What our
//! templates write is; what somebody brought in unescaped would hardly be, and would be an element that no template has.

/// What a page consists of, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A start tag, its attributes unescaped.
    Tag(String, Vec<(String, String)>),
    /// An end tag.
    End,
    /// Unescaped.
    Text(String),
}

/// Elements of our templates. No others are on any page.
const ELEMENTS: &str = " a bdi body br button circle code dd details div dl dt fieldset figcaption figure footer form g h1 h2 h3 \
    head header hr html input label legend li link main meta nav noscript ol option p path pre rect script section select small span \
    strong summary svg table tbody td textarea th thead time title tr ul ";
const VOID: [&str; 6] = ["br", "hr", "input", "link", "meta", "path"];
/// Attributes of our templates.
const ATTRIBUTES: &str = " action aria-current aria-describedby aria-hidden aria-invalid aria-label aria-labelledby aria-sort \
    autocapitalize autocomplete autofocus charset checked class content d data-options datetime defer fill-rule focusable for \
    form formnovalidate height hidden href id inputmode lang maxlength method minlength name open pattern placeholder \
    preserveAspectRatio readonly rel required role rows scope selected shape-rendering spellcheck src tabindex title type value viewBox width x y ";

fn is_one_of(list: &str, name: &str) -> bool {
    list.contains(&format!(" {name} "))
}

/// Reads a whole page.
pub(super) fn read(html: &str) -> Result<Vec<Node>, String> {
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    let (mut nodes, mut open) = (Vec::new(), Vec::<String>::new());
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            nodes.push(Node::Text(unescaped(&rest[..end])?));
            rest = &rest[end..];
            continue;
        };
        if let Some(closing) = tag.strip_prefix('/') {
            let (name, after) = closing.split_once('>').ok_or("an end tag without an end")?;
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> after <{last:?}>"));
            }
            nodes.push(Node::End);
            rest = after;
            continue;
        }
        let (name, attributes, closed, after) = start(tag)?;
        if !closed && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        nodes.push(Node::Tag(name, attributes));
        rest = after;
    }
    if open.is_empty() { Ok(nodes) } else { Err(format!("{open:?} stay open")) }
}

type Start<'a> = (String, Vec<(String, String)>, bool, &'a str);

/// A start tag behind its `<`.
fn start(tag: &str) -> Result<Start<'_>, String> {
    let end = tag.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit()).unwrap_or(tag.len());
    let (name, mut rest) = tag.split_at(end);
    if !is_one_of(ELEMENTS, name) {
        let shown: String = tag.chars().take(80).collect();
        return Err(format!("an element that we do not write: <{shown}"));
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    loop {
        let after = rest.trim_start_matches([' ', '\n']);
        if let Some(after) = after.strip_prefix('>') {
            return Ok((name.to_owned(), attributes, false, after));
        }
        if let Some(after) = after.strip_prefix("/>") {
            return Ok((name.to_owned(), attributes, true, after));
        }
        if after.len() == rest.len() {
            return Err(format!("no space before an attribute of <{name}>"));
        }
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(after.len());
        let (attribute, value) = after.split_at(end);
        if !is_one_of(ATTRIBUTES, attribute) || attributes.iter().any(|(known, _)| known == attribute) {
            let shown: String = after.chars().take(80).collect();
            return Err(format!("an attribute of <{name}> that we do not write, or twice: {shown}"));
        }
        rest = match value.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').ok_or("a value without an end")?;
                // In the icon there are some, which are ours.
                if value.contains(['<', '>']) {
                    return Err(format!("a raw < or > in {attribute} of <{name}>: {value}"));
                }
                attributes.push((attribute.to_owned(), unescaped(value)?));
                after
            }
            None => {
                attributes.push((attribute.to_owned(), String::new()));
                value
            }
        };
    }
}

/// Text without escapes. A `&` that begins none is an error: a browser would guess.
fn unescaped(text: &str) -> Result<String, String> {
    let mut pieces = text.split('&');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, after) = piece.split_once(';').ok_or_else(|| format!("a bare & before {piece:.40}"))?;
        out.push(match name {
            "lt" | "#60" => '<',
            "gt" | "#62" => '>',
            "amp" | "#38" => '&',
            "quot" | "#34" => '"',
            "#39" => '\'',
            "nbsp" => '\u{a0}',
            other => return Err(format!("an escape that we do not write: &{other:.40};")),
        });
        out.push_str(after);
    }
    if out.contains('\u{0}') { Err("a NUL".to_owned()) } else { Ok(out) }
}

#[test]
fn what_somebody_brought_in_is_found() {
    let page = |inside: &str| read(&format!("<!doctype html><html><body><p class=\"a\">{inside}</p></body></html>"));
    for good in
        ["", "a &#60;script&#62; b", "<a href=\"/x?a&#38;b\">c</a>", "<br><input hidden><path d=\"M0\"/>", "a > b"]
    {
        page(good).unwrap();
    }
    for bad in [
        "<script>alert(1)</script",
        "<img src=x>",
        "<b>x</b>",
        "<a href=\"/\" onclick=\"x()\">c</a>",
        "<a href=/>c</a>",
        "<a href='/'>c</a>",
        "<a href=\"/\"class=\"x\">c</a>",
        "<a href=\"/\" href=\"/\">c</a>",
        "</p><p>",
        "</p></p>",
        "<!-- x -->",
        "a & b",
        "a < b",
        "&#x3c;",
        "<a title=\"<\">c</a>",
        "<P>",
    ] {
        // What is well-formed and of our elements is text of ours: it is found by where it stands.
        assert!(page(bad).is_err() || bad == "</p><p>", "{bad}");
    }
}
