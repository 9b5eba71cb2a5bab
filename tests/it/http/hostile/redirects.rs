//! Ways to somewhere else (open redirects): whatever is asked for, people stay here, or go where a client has registered.

use std::collections::BTreeSet;

use sallyport::console::back;
use url::Url;

use super::{
    ask::{Ask, location},
    props::Props,
    world::World,
};
use crate::{
    harness::browser::Page,
    http::{
        generated::draw::{Body, Good},
        pages::tags::tags,
    },
};

/// Somewhere else, as servers and browsers have been brought to go there.
const ELSEWHERE: [&str; 10] = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "@evil.example/",
    "/%2f/evil.example/",
    "/t/acme/account\r\nlocation: https://evil.example/",
];

/// Parameters that say where to go on to: ours, and what others call them.
const NAMES: [&str; 20] = [
    "to",
    "again",
    "next",
    "return",
    "return_to",
    "returnTo",
    "redirect",
    "redirect_to",
    "redirect_url",
    "redirect_uri",
    "url",
    "target",
    "rd",
    "continue",
    "dest",
    "goto",
    "back",
    "post_logout_redirect_uri",
    "RelayState",
    "callback",
];

/// What proxies say of where a request was sent, from whoever is no proxy of ours.
const HEADERS: [(&str, &str); 8] = [
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-prefix", "//evil.example"),
    ("x-forwarded-server", "evil.example"),
    ("x-original-url", "//evil.example/"),
    ("x-rewrite-url", "//evil.example/"),
    ("forwarded", "host=evil.example;proto=https"),
    ("x-host", "evil.example"),
];

/// Addresses that are nearly the registered one.
const NEARLY: [&str; 12] = [
    "https://a.example/cb/",
    "https://a.example/cb/../evil",
    "https://a.example/cb%2f..%2fevil",
    "https://a.example/cb#evil",
    "https://a.example/cb\\evil",
    "https://a.example@evil.example/cb",
    "https://a.example.evil.example/cb",
    "https://a.example:8443/cb",
    "http://a.example/cb",
    "HTTPS://A.EXAMPLE/cb",
    " https://a.example/cb",
    "//a.example/cb",
];

/// Whether an address on a page or in a header leads where people may be sent by this route.
fn may_lead(world: &World, ask: &Ask, to: &str) -> bool {
    let base = Url::parse(&world.app().url(&ask.path)).unwrap();
    // As a browser reads it.
    let Ok(read) = base.join(to) else { return false };
    let here = read.origin() == base.origin() && to.starts_with(['/', '?', '#', 'h']) && !to.contains('\\');
    let registered = to.starts_with("https://a.example/cb?");
    match ask.route {
        _ if here => true,
        "/t/{tenant}/authorize" | "/t/{tenant}/consent" => registered,
        // To a person's own authenticator.
        "/t/{tenant}/account/totp" | "/t/{tenant}/login/second" => to.starts_with("otpauth://totp/"),
        "/t/{tenant}/login/with/{provider}" | "/t/{tenant}/account/identity" => {
            to.starts_with(&world.idp.issuer.publisher.url("/realms/a/authorize?"))
        }
        _ => false,
    }
}

/// Where an answer leads that it may not lead to.
fn astray(world: &World, ask: &Ask, answer: &Page) -> Option<String> {
    let mut ways: Vec<String> = location(answer).map(str::to_owned).into_iter().collect();
    ways.extend(answer.headers.get("refresh").map(|to| to.to_str().unwrap().to_owned()));
    ways.extend(answer.headers.get("content-location").map(|to| to.to_str().unwrap().to_owned()));
    let is_page = answer.headers.get("content-type").is_some_and(|kind| kind == "text/html; charset=utf-8");
    for tag in if is_page { tags(&answer.body) } else { Vec::new() } {
        assert!(tag.get("http-equiv").is_none() && tag.name != "base", "{ask}: <{}>", tag.name);
        let shown = ["href", "action", "formaction", "src"].into_iter().filter_map(|name| tag.get(name));
        let icon = "data:image/svg+xml,";
        ways.extend(shown.filter(|to| !to.starts_with(icon)).map(|to| to.replace("&#38;", "&")));
    }
    ways.into_iter().find(|to| !may_lead(world, ask, to))
}

/// Asks, and follows where the answer leads as long as that is here. What went wrong.
async fn follow(world: &World, ask: &Ask, how: &str) -> Option<String> {
    let mut answer = ask.send(world).await;
    for _ in 0..2 {
        if let Some(to) = astray(world, ask, &answer) {
            return Some(format!("{ask} {how}: {to}"));
        }
        let to = location(&answer).filter(|to| to.starts_with('/'))?;
        let url = world.app().http().get(world.app().url(to));
        answer = Page::of(url.header("cookie", ask.header("cookie").unwrap_or_default())).await;
    }
    None
}

/// With parameters that nobody asked for, in the address and in the form.
fn with_more(ask: &Ask, target: &str) -> Ask {
    let mut more = ask.clone();
    let there: BTreeSet<String> = ask.good.query.iter().chain(ask.form()).map(|(name, _)| name.clone()).collect();
    let own = NAMES.iter().filter(|name| !there.contains(**name) && !names_the_client(ask, name));
    let own: Vec<(String, String)> = own.map(|name| ((*name).to_owned(), target.to_owned())).collect();
    more.good.query.extend(own.clone());
    if let Body::Form(fields) = &mut more.good.body {
        fields.extend(own);
    }
    more
}

/// Whether a parameter is the client's, and would only spoil the request.
fn names_the_client(ask: &Ask, name: &str) -> bool {
    name == "redirect_uri" && ask.route.ends_with("/token")
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_by_what_is_added() {
    let world = World::start().await;
    let mut wrong = Vec::new();
    for (at, target) in ELSEWHERE.iter().enumerate() {
        // Of each thing another one: a good request may use it up.
        let props = Props::of(&world).await;
        // Programs are sent nowhere: once will do.
        for ask in props.all(&world).into_iter().filter(|ask| at == 0 || ask.is_browsers()) {
            let ask = if ask.field("slug") == Some("first") {
                ask.with_field("slug", Some(&format!("first-{at}")))
            } else {
                ask
            };
            wrong.extend(follow(&world, &with_more(&ask, target), &format!("with more, {target:?}")).await);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_by_what_is_changed() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for ask in props.all(&world) {
        let Good { query, .. } = &ask.good;
        for target in &ELSEWHERE[..8] {
            for (name, _) in query {
                let bent = ask.clone().with_query(name, target);
                wrong.extend(follow(&world, &bent, &format!("{name} = {target:?}")).await);
                sent += 1;
            }
            for (name, _) in ask.form().iter().filter(|(name, _)| name != "csrf") {
                let bent = ask.clone().with_field(name, Some(target));
                wrong.extend(follow(&world, &bent, &format!("{name} = {target:?}")).await);
                sent += 1;
            }
        }
        if ask.route.ends_with("/authorize") {
            for near in NEARLY {
                let answer = ask.clone().with_query("redirect_uri", near).send(&world).await;
                assert_eq!(answer.status, 400, "{near}: {:?}", location(&answer));
                assert!(location(&answer).is_none() && astray(&world, &ask, &answer).is_none(), "{near}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(sent > 500, "{sent}");
}

/// No answer goes by what a request says of the host that it was sent to.
#[tokio::test]
async fn nothing_is_made_of_a_host_that_somebody_names() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    for ask in props.all(&world) {
        let named = HEADERS.iter().fold(ask.clone(), |ask, (name, value)| ask.with(name, value));
        let other = ask.clone().with("host", "evil.example").send(&world).await;
        assert!(other.status == 421 && !other.body.contains("evil.example"), "{ask}: {}", other.body);
        let answer = named.send(&world).await;
        assert!(answer.status.as_u16() < 500, "{ask}");
        assert_eq!(astray(&world, &ask, &answer), None, "{ask}");
        let told = format!("{:?} {}", answer.headers, answer.body);
        assert!(!told.contains("evil.example") && !told.contains("gopher"), "{ask}: {told}");
    }
}

/// The way back after a login is one that was sealed here, for this tenant.
#[tokio::test]
async fn a_way_back_is_nobody_elses() {
    let world = World::start().await;
    let (keyring, other) = (&world.app().app.keyring, world.other.id);
    let good = back::seal(keyring, world.acme().id, "/console/t/acme/clients").unwrap();
    let (path, hash) = good.split_once('.').unwrap();
    let (theirs, rest) = (back::seal(keyring, other, "//evil.example/").unwrap(), "//evil.example/");
    let mixed = format!("{}.{hash}", theirs.split('.').next().unwrap());
    let bad = [&*theirs, &mixed, rest, path, &format!("{good}x"), &format!("{path}."), ""];
    for name in ["to", "again"] {
        let props = Props::of(&world).await;
        for ask in props.all(&world).into_iter().filter(|ask| ask.route == "/t/{tenant}/login") {
            let login = |to: &str| {
                let mut ask = ask.clone().with_field("interaction", None);
                ask.good.query.clear();
                if ask.changes() { ask.with_field(name, Some(to)) } else { ask.with_query(name, to) }
            };
            let answer = login(&good).send(&world).await;
            assert_eq!(location(&answer), Some("/console/t/acme/clients"), "{ask}: {}", answer.body);
            for to in bad {
                let answer = login(to).send(&world).await;
                assert_eq!(location(&answer), Some("/t/acme/account"), "{ask}: {to}");
            }
        }
    }
}
