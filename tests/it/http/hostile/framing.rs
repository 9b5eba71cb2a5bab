//! Pages in somebody else's frame (clickjacking), and what else the headers of answers forbid.

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use sallyport::app::routes::Guard;

use super::{
    ask::{Ask, location},
    props::Props,
    world::World,
};
use crate::{
    harness::{
        browser::Page,
        introspect::{ENVELOPE, JWT},
    },
    http::generated::draw::Body,
};

const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";
const WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
     frame-ancestors 'none'";

/// What no browser takes for a page.
const OTHERS: [&str; 10] = [
    "application/json",
    "application/problem+json",
    "application/jwk-set+json",
    "application/x-tar",
    "text/css; charset=utf-8",
    "text/javascript; charset=utf-8",
    "text/plain; charset=utf-8",
    "text/event-stream",
    ENVELOPE,
    JWT,
];

fn one<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    // A browser goes by all of several policies, and by none of several of the others.
    if let [value] = values[..] { value } else { "" }
}

/// What is wrong with the headers of an answer.
fn wrong(ask: &Ask, answer: &Page) -> Option<String> {
    let (kind, is) = (one(&answer.headers, "content-type"), |name, value: &str| one(&answer.headers, name) == value);
    if kind.starts_with("text/html") {
        let policy = if answer.body.contains(" data-options=\"") { WITH_SCRIPT } else { POLICY };
        let wanted = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", policy),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ];
        return wanted.iter().find(|(name, value)| !is(name, value)).map(|(name, _)| format!("a page with {name}"));
    }
    if location(answer).is_some() && ask.is_browsers() {
        // Where somebody goes on to may be personal, and what they come from.
        let kept = !is("cache-control", "no-store") || !is("referrer-policy", "same-origin");
        return kept.then(|| "a redirect that is kept, or tells where it comes from".to_owned());
    }
    if answer.body.is_empty() {
        return None;
    }
    let personal = ask.guard != Guard::Public && !ask.route.starts_with("/static/");
    let kept = !one(&answer.headers, "cache-control").contains("no-store");
    match () {
        () if !OTHERS.contains(&kind) => Some(format!("of the type {kind:?}")),
        () if !is("x-content-type-options", "nosniff") => Some(format!("{kind} without nosniff")),
        () if personal && kept => Some("it may be kept".to_owned()),
        () => None,
    }
}

/// The good request, and with things wrong for which there are pages of their own.
fn troubles(ask: &Ask) -> Vec<(&'static str, Ask)> {
    let nobody = ask.path.replacen(ask.place(), "nobody", 1);
    let odd = format!("{}?a=%zz", ask.path);
    let mut all = vec![
        ("of nobody", ask.clone().without("cookie").without("authorization")),
        ("at no tenant", Ask { path: nobody, ..ask.clone() }),
        ("with an address that cannot be read", Ask { path: odd, ..ask.clone() }),
        ("below it", Ask { path: format!("{}/x", ask.path), ..ask.clone() }),
        ("of another host", ask.clone().with("host", "evil.example")),
    ];
    if !ask.good.object.is_empty() {
        let path = ask.path.replace(&ask.good.object, "00000000-0000-7000-8000-000000000000");
        all.push(("of nothing", Ask { path, ..ask.clone() }));
    }
    if ask.method != Method::GET {
        all.push(("as text", Ask { raw: Some(("text/plain", "<script>".to_owned())), ..ask.clone() }));
        all.push(("from elsewhere", ask.clone().with("origin", "https://evil.example")));
        let mut empty = ask.clone();
        empty.good.body = Body::None;
        all.push(("of nothing at all", empty));
        all.push(("without a token", ask.clone().with_field("csrf", None)));
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let other = Ask { method, ..ask.clone().without("authorization").without("cookie") };
        all.push(("by another method", other));
    }
    all
}

#[tokio::test]
async fn no_answer_can_be_framed_sniffed_or_kept() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let all = props.all(&world);
    let (mut wrongs, mut pages) = (BTreeSet::new(), BTreeSet::new());
    let mut look = |ask: &Ask, how: &str, answer: &Page| {
        if one(&answer.headers, "content-type").starts_with("text/html") {
            pages.insert((ask.to_string(), answer.status.as_u16()));
        }
        wrongs.extend(wrong(ask, answer).map(|why| format!("{ask} {how}: {} {why}", answer.status)));
    };
    for ask in &all {
        for (how, ask) in troubles(ask) {
            look(&ask, how, &ask.send(&world).await);
        }
    }
    // Some of that was good enough to use something up.
    for ask in Props::of(&world).await.all(&world) {
        look(&ask, "as it should be", &ask.send(&world).await);
    }
    assert!(wrongs.is_empty(), "{}: {wrongs:#?}", wrongs.len());
    // Each route of a browser has been a page at least once.
    for ask in all.iter().filter(|ask| ask.is_browsers()) {
        assert!(pages.iter().any(|(page, _)| *page == ask.to_string()), "{ask}");
    }
    assert!(pages.iter().filter(|(_, status)| *status == 200).count() > 30, "{pages:?}");
}
