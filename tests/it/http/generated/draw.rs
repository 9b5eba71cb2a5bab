//! Drawing requests: a good one, and then some things that are wrong with it.

use sallyport::app::routes::Route;

use super::values::{Dice, MARK, bend, bend_json, form, odd_header};
use crate::harness::console::place;

/// What a good request of a route presents.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Good {
    pub(in crate::http) query: Vec<(String, String)>,
    pub(in crate::http) body: Body,
    pub(in crate::http) headers: Vec<(&'static str, String)>,
    /// What stands at `{object}` or `{id}` in the path.
    pub(in crate::http) object: String,
}

#[derive(Clone, Debug, Default)]
pub(in crate::http) enum Body {
    #[default]
    None,
    Form(Vec<(String, String)>),
    Json(String),
}

/// A request as bytes, and what may become of it.
pub(super) struct Drawn {
    pub(super) bytes: Vec<u8>,
    pub(super) method: String,
    /// The server may close the connection instead of answering: it was told too much, or no HTTP.
    pub(super) may_be_cut: bool,
}

/// The body that the MCP endpoint takes at most, in these tests.
pub(super) const MCP_BODY: usize = 100 * 1024;
const FORM_BODY: usize = 64 * 1024;
/// A head that is longer is refused before anybody looks at it.
const HEAD: usize = 32 * 1024;

fn fill(route: &Route, client: &str, object: &str, dice: &mut Dice) -> Vec<u8> {
    let mut out = route.path.to_owned();
    for name in ["{tenant}", "{server}", "{client_id}", "{file}", "{object}", "{id}", "{provider}"] {
        if dice.one_in(20) {
            let odd = [
                "nobody", "ACME", "%61cme", "acme%2f", "..", "%2e%2e", ".", "%00", "%ff", "acme%20", "other", "",
                "a%5cb", "acme;x=1", "{tenant}", "*",
            ];
            out = out.replace(name, odd[dice.below(odd.len())]);
        }
    }
    let out = out
        .replace("{tenant}", place(route, "acme", object))
        .replace("{server}", "demo")
        .replace("{client_id}", client);
    let out = out
        .replace("{file}", "sallyport.css")
        .replace("{object}", object)
        .replace("{id}", object)
        .replace("{provider}", "nobody");
    if dice.one_in(40) {
        let odd = ["/", "//", "/.", ".json", "%00", "?", "/../authorize", ";a"];
        return format!("{out}{}", dice.of(&odd)).into_bytes();
    }
    out.into_bytes()
}

/// A request of a route in which up to a handful of things are not as they should be.
pub(super) fn request(route: &Route, good: Good, client: &str, host: &str, dice: &mut Dice) -> Drawn {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"];
    let method = if dice.one_in(10) { (*dice.of(&methods)).to_owned() } else { route.method.to_string() };
    let target = target(route, good.query, client, &good.object, dice);
    let (kind, mut body) = body(good.body, dice);
    let mut head = Head(Vec::new());
    head.0.extend([method.as_bytes(), b" ", &target, b" HTTP/1.1\r\n"].concat());
    head.host(host, dice);
    head.kind(kind, dice);
    head.own(&good.headers, dice);
    head.others(dice);
    if dice.one_in(30) && !body.is_empty() {
        head.line("transfer-encoding", b"chunked");
        let size = format!("{:x}\r\n", body.len());
        body = [size.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    } else if !body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method.as_str()) {
        head.line("content-length", body.len().to_string().as_bytes());
    }
    let may_be_cut = head.0.len() > HEAD / 2 || body.len() > FORM_BODY / 2;
    Drawn { bytes: [&head.0, &b"\r\n"[..], &body].concat(), method, may_be_cut }
}

fn target(route: &Route, mut query: Vec<(String, String)>, client: &str, object: &str, dice: &mut Dice) -> Vec<u8> {
    let mut target = fill(route, client, object, dice);
    if !dice.one_in(6) {
        bend(&mut query, dice);
    }
    if !query.is_empty() {
        target.push(b'?');
        target.extend(form(&query, dice));
    }
    if dice.one_in(60) {
        target.extend(b"?x=".iter().copied().chain(std::iter::repeat_n(b'y', *dice.of(&[9_000, 20_000, 40_000]))));
    }
    target
}

/// A body, and what kind it is.
fn body(good: Body, dice: &mut Dice) -> (&'static str, Vec<u8>) {
    let (kind, mut body) = match good {
        Body::None => ("", Vec::new()),
        Body::Form(mut pairs) => {
            if !dice.one_in(6) {
                bend(&mut pairs, dice);
            }
            ("application/x-www-form-urlencoded", form(&pairs, dice))
        }
        Body::Json(text) if dice.one_in(4) => ("application/json", text.into_bytes()),
        Body::Json(text) => ("application/json", bend_json(&text, dice)),
    };
    match dice.below(40) {
        0 => body = (0..dice.below(400)).map(|_| dice.next().to_le_bytes()[0]).collect(),
        // Just within a limit, and just beyond: of forms and registrations, and of messages.
        1 => {
            let lengths = [FORM_BODY - 300, FORM_BODY, FORM_BODY + 1, MCP_BODY, MCP_BODY + 1, MCP_BODY + 300];
            body.extend(filling(kind, *dice.of(&lengths), body.len()));
        }
        2 => body = MARK.as_bytes().to_vec(),
        _ => {}
    }
    (kind, body)
}

/// The head of a request, as far as it is written.
struct Head(Vec<u8>);

impl Head {
    fn line(&mut self, name: &str, value: &[u8]) {
        self.0.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }

    fn host(&mut self, host: &str, dice: &mut Dice) {
        match dice.below(40) {
            0 => self.line("host", dice.of(&["evil.example", "", "127.0.0.1", "a b", "[::1", "user@evil"]).as_bytes()),
            1 => (0..2).for_each(|_| self.line("host", host.as_bytes())),
            2 => {}
            _ => self.line("host", host.as_bytes()),
        }
    }

    fn kind(&mut self, mut kind: &'static str, dice: &mut Dice) {
        if dice.one_in(8) {
            kind = KINDS[dice.below(KINDS.len())];
        }
        if !kind.is_empty() || dice.one_in(20) {
            self.line("content-type", kind.as_bytes());
        }
        if dice.one_in(25) {
            self.line("content-type", dice.of(&KINDS).as_bytes());
        }
    }

    /// What a good request has.
    fn own(&mut self, headers: &[(&'static str, String)], dice: &mut Dice) {
        for (name, value) in headers {
            match dice.below(14) {
                0 => {}
                1 => self.line(name, &odd_header(dice)),
                2 => (0..2).for_each(|_| self.line(name, value.as_bytes())),
                _ => self.line(name, value.as_bytes()),
            }
        }
    }

    fn others(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(3) {
            let name = *dice.of(&OTHERS);
            // Whoever expects to be told to go on would wait for it.
            let value = if name == "expect" { b"nothing".to_vec() } else { odd_header(dice) };
            self.line(name, &value);
        }
        match dice.below(80) {
            // Just within the limit of the head, and beyond it.
            0 => self.line("x-long", &vec![b'a'; HEAD * 3 / 4]),
            1 => self.line("x-long", &vec![b'a'; HEAD + 10]),
            2 => (0..120).for_each(|at| self.line(&format!("x-{at}"), b"a")),
            3 => self.line("x-bad", b"a\0b"),
            4 => self.line("bad name", b"a"),
            5 => self.line("x-high", b"\xff\xfe\xe9"),
            _ => {}
        }
    }
}

const KINDS: [&str; 13] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/html",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded;charset=utf-8",
    "; charset=",
    "",
    "text/plain",
    "APPLICATION/JSON",
    "*/*",
    "application/json\u{e9}",
    "a",
];

const OTHERS: [&str; 23] = [
    "authorization",
    "accept",
    "origin",
    "cookie",
    "x-forwarded-for",
    "forwarded",
    "sec-fetch-site",
    "referer",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-name",
    "mcp-param-a",
    "last-event-id",
    "accept-encoding",
    "range",
    "if-none-match",
    "content-encoding",
    "access-control-request-method",
    "access-control-request-headers",
    "upgrade",
    "x-request-id",
    "te",
    "expect",
];

/// What makes a body that long.
fn filling(kind: &str, long: usize, now: usize) -> Vec<u8> {
    let missing = long.saturating_sub(now);
    match kind {
        "application/json" => vec![b' '; missing],
        _ => format!("&filling={}", "a".repeat(missing.saturating_sub(9))).into_bytes(),
    }
}
