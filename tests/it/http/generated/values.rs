//! Chance, and what it makes of the parts of a request.

/// A small generator of its own (splitmix64), so that a seed says everything.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// What no page may show as it is.
pub(super) const MARK: &str = "\"'><script>alert(1)</script>";

/// Values that somebody did not expect.
pub(super) fn odd(dice: &mut Dice) -> String {
    let fixed = [
        "",
        " ",
        "\0",
        "null",
        "undefined",
        "true",
        "-1",
        "0",
        "18446744073709551616",
        "1e400",
        MARK,
        "../../x",
        "%",
        "%%",
        "\u{feff}",
        "\u{202e}abc",
        "\u{1f600}",
        "a\r\nx-injected: 1",
        "a\nb",
        "'; DROP TABLE client; --",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "\u{e9}",
        "https://evil.example/",
        "javascript:alert(1)",
        "//evil.example",
        "http://127.0.0.1:7777/callback/../x",
        "sp_at_",
        "sp_rt_x",
        "eyJhbGciOiJub25lIn0.e30.",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "c_unknown",
        "mcp:read",
        "mcp:read mcp:read  mcp:x",
        "\\",
        "\"",
        "[]",
        "{}",
        "00000000-0000-0000-0000-000000000000",
        "none",
        "login",
        "consent",
        "S256",
        "plain",
    ];
    match dice.below(12) {
        0 => "x".repeat(*dice.of(&[63, 64, 65, 255, 256, 1024, 2047, 2048, 2049, 8192, 9000])),
        1 => "\u{e4}".repeat(dice.below(300)),
        2 => (0..dice.below(40))
            .map(|_| char::from_u32(u32::try_from(dice.below(0x300)).unwrap()).unwrap_or('x'))
            .collect(),
        _ => (*dice.of(&fixed)).to_owned(),
    }
}

/// Percent-encodes, mostly rightly.
fn encode(text: &str, dice: &mut Dice) -> Vec<u8> {
    match dice.below(20) {
        0 => b"%".to_vec(),
        1 => b"%zz%4".to_vec(),
        2 => b"%ff%fe%c0%80".to_vec(),
        3 => b"%00".to_vec(),
        4 => b"%25%32%35%u0041".to_vec(),
        // As it is, without what would end the line or the target.
        5 => text.bytes().filter(|byte| !byte.is_ascii_control() && *byte != b' ').collect(),
        _ => url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into_bytes(),
    }
}

/// Writes a form or a query, mostly rightly.
pub(super) fn form(pairs: &[(String, String)], dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.extend(*dice.of(&[&b"&"[..], b"&", b"&", b"&", b"&&", b";"]));
        }
        let careful = !dice.one_in(25);
        out.extend(if careful { plainly(name) } else { encode(name, dice) });
        out.push(b'=');
        out.extend(if careful { plainly(value) } else { encode(value, dice) });
    }
    out
}

fn plainly(text: &str) -> Vec<u8> {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into_bytes()
}

/// Parameters: some twice, some gone, some odd, some nobody has heard of.
pub(super) fn bend(pairs: &mut Vec<(String, String)>, dice: &mut Dice) {
    for _ in 0..dice.below(3) {
        let at = if pairs.is_empty() { 0 } else { dice.below(pairs.len()) };
        match dice.below(7) {
            0 if !pairs.is_empty() => pairs.push(pairs[at].clone()),
            1 if !pairs.is_empty() => drop(pairs.remove(at)),
            2..=4 if !pairs.is_empty() => pairs[at].1 = odd(dice),
            5 => pairs.push((odd(dice), odd(dice))),
            _ => {
                let names = [
                    "client_id",
                    "client_secret",
                    "client_assertion",
                    "client_assertion_type",
                    "resource",
                    "scope",
                    "token",
                    "code",
                    "csrf",
                    "interaction",
                    "request",
                    "prompt",
                    "max_age",
                    "access_token",
                ];
                pairs.push(((*dice.of(&names)).to_owned(), odd(dice)));
            }
        }
    }
    match dice.below(60) {
        // Just within the limit of parameters, and just beyond.
        0 => (pairs.len()..511).for_each(|at| pairs.push((format!("p{at}"), String::new()))),
        1 => (pairs.len()..514).for_each(|at| pairs.push((format!("p{at}"), String::new()))),
        2 => pairs.clear(),
        _ => {}
    }
}

/// JSON with something wrong in it, or not.
pub(super) fn bend_json(text: &str, dice: &mut Dice) -> Vec<u8> {
    let member = format!("{:?}", odd(dice).replace('\0', "")).replace("\\u{", "\\u00").replace('}', "");
    let mut out = match dice.below(14) {
        0 => text.replacen(':', ": [[", 1),
        1 => text.replacen('{', "{\"client_name\":\"a\",\"client_name\":\"b\",", 1),
        2 => text.replacen('{', &format!("{{\"deep\":{}{},", "[".repeat(63), "]".repeat(63)), 1),
        3 => format!("{}{}", "[".repeat(3000), "]".repeat(3000)),
        4 => "{\"a\":".repeat(9000),
        5 => format!("[{text},{text}]"),
        6 => format!("{text} {text}"),
        7 => text.replacen('"', "\"\\ud800", 1),
        8 => (*dice.of(&["", "null", "[]", "{}", "1", "\"\"", "1e999", "NaN", "\u{feff}{}"])).to_owned(),
        9 => text.chars().filter(|_| !dice.one_in(40)).collect(),
        10 | 11 => text.replacen('{', &format!("{{{member}:{member},"), 1),
        12 => text.replacen(
            ":\"",
            &format!(":{}, \"x\":\"", dice.of(&["null", "1", "-0.0", "[]", "{}", "true", "[null]", "1e99"])),
            1,
        ),
        _ => text.to_owned(),
    }
    .into_bytes();
    if dice.one_in(12) && !out.is_empty() {
        let at = dice.below(out.len());
        out[at] = *dice.of(&[0, 0xff, 0xc0, b'"', b'\\', 0x1f]);
    }
    out
}

/// Values of headers that somebody did not expect.
pub(super) fn odd_header(dice: &mut Dice) -> Vec<u8> {
    let fixed: [&[u8]; 40] = [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer x",
        b"Bearer a b",
        b"Bearer sp_at_x",
        b"bearer  eyJhbGciOiJub25lIn0.e30.",
        b"Basic",
        b"Basic Og==",
        b"Basic !!!",
        b"Basic YTpi",
        b"Basic w6k6w6k=",
        b"Basic YQA6Yg==",
        b"Negotiate x",
        b"DPoP x",
        b"\xff\xfe",
        b"*/*",
        b"text/html",
        b"application/json",
        b"application/json;q=0, text/event-stream",
        b"application/json, text/event-stream",
        b"null",
        b"https://evil.example",
        b"http://localhost",
        b"__Host-sp-t-acme=x",
        b"__Host-sp-t-acme=a; __Host-sp-t-acme=b",
        b"__Host-sp-b-acme=sp_br_x; ; =",
        b"1.2.3.4, ,[",
        b"for=\"",
        b"same-origin",
        b"cross-site",
        b"2026-07-28",
        b"2025-11-25",
        b"1999-01-01",
        b"=?base64?w6k=?=",
        b"=?base64?!?=",
        b"gzip",
        b"bytes=0-99999999999999999999",
        b"POST",
        b"application/token-introspection+jwt",
    ];
    match dice.below(8) {
        0 => vec![b'a'; *dice.of(&[300, 5_000, 9_000])],
        1 => odd(dice).bytes().filter(|byte| !byte.is_ascii_control()).collect(),
        _ => dice.of(&fixed).to_vec(),
    }
}
