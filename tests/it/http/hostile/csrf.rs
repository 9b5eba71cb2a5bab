//! Forms that others made (cross-site request forgery).

use http::Method;
use sallyport::{app::routes::Guard, http::csrf::Purpose};

use super::{
    ask::{Ask, is_done, location},
    props::Props,
    world::World,
};
use crate::{harness::browser::TestBrowser, http::generated::draw::Body};

const PURPOSES: [Purpose; 7] = [
    Purpose::Login,
    Purpose::Consent,
    Purpose::Device,
    Purpose::Account,
    Purpose::Link,
    Purpose::Second,
    Purpose::Console,
];

/// A browser that somebody else uses.
struct Stranger {
    browser: String,
}

impl Stranger {
    async fn of(world: &World) -> Self {
        let page = TestBrowser::new(world.app()).get("/t/acme/login").await;
        Self { browser: page.cookie("__Host-sp-b-acme").unwrap().to_owned() }
    }
}

/// What a page elsewhere says of where it is.
fn origins(base: &str) -> Vec<(&'static str, String)> {
    let port = base.rsplit_once(':').unwrap().1;
    vec![
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", base.replace("http:", "https:")),
        ("origin", format!("{base}.evil.example")),
        ("origin", format!("http://127.0.0.1:{port}")),
        ("origin", "http://localhost:1".to_owned()),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
        ("sec-fetch-site", "none".to_owned()),
        ("referer", "https://evil.example/".to_owned()),
        ("referer", format!("https://evil.example/?{base}/")),
    ]
}

/// The good form with one thing of a forger's.
fn forgeries(world: &World, stranger: &Stranger, ask: &Ask) -> Vec<(String, Ask)> {
    let base = &world.app().base;
    let mut all = Vec::new();
    for (name, value) in origins(base) {
        all.push((format!("{name}: {value}"), ask.clone().without("origin").with(name, &value)));
        // A browser says both.
        if name == "origin" {
            let both = ask.clone().with("origin", &value).with("sec-fetch-site", "same-origin");
            all.push((format!("{name}: {value}, and same-origin"), both));
        }
    }
    // Forms that other pages can send without asking first, and one that they cannot.
    let fields = ask.form().to_vec();
    let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let lines: String = fields.iter().map(|(name, value)| format!("{name}={value}\r\n")).collect();
    for (kind, body) in [("text/plain", lines), ("text/plain", encoded.clone()), ("application/json", encoded)] {
        all.push((format!("as {kind}"), Ask { raw: Some((kind, body)), ..ask.clone() }));
    }
    // The whole form in the address.
    let mut link = ask.clone();
    link.good.query.extend(fields);
    link.good.body = Body::Form(Vec::new());
    all.push(("in the address".to_owned(), link));
    if ask.field("csrf").is_none() {
        return all;
    }
    let own = ask.cookie("b").expect("the form of a browser");
    let [mine, theirs, elsewhere] =
        [(world.id(ask.place()), own), (world.id(ask.place()), &*stranger.browser), (world.other.id, own)]
            .map(|(tenant, browser)| PURPOSES.map(|purpose| world.token(tenant, browser, purpose)));
    let token = ask.field("csrf").unwrap();
    let purpose = mine.iter().position(|mine| mine == token);
    let purpose = purpose.unwrap_or_else(|| panic!("{ask}: a form for a purpose that is not in PURPOSES"));
    let token_of = |what: &str, value: Option<&str>| (what.to_owned(), ask.clone().with_field("csrf", value));
    all.push(token_of("without a token", None));
    all.push(token_of("with an empty token", Some("")));
    all.push(token_of("with half a token", Some(&token[..20])));
    all.push(token_of("with the token of another browser", Some(&theirs[purpose])));
    all.push(token_of("with the token of another tenant", Some(&elsewhere[purpose])));
    for (other, token) in PURPOSES.iter().zip(&mine).filter(|(_, mine)| *mine != token) {
        all.push(token_of(&format!("with the token for {other:?}"), Some(token)));
    }
    let mut twice = ask.clone();
    if let Body::Form(fields) = &mut twice.good.body {
        fields.push(("csrf".to_owned(), theirs[purpose].clone()));
    }
    all.push(("with two tokens".to_owned(), twice));
    let mut moved = ask.clone().with_field("csrf", None);
    moved.good.query.push(("csrf".to_owned(), token.to_owned()));
    all.push(("with the token in the address".to_owned(), moved));
    all.push(("without the browser's cookie".to_owned(), ask.clone().with_cookie("b", None)));
    all.push(("with another browser's cookie".to_owned(), ask.clone().with_cookie("b", Some(&stranger.browser))));
    let both = format!("{}; __Host-sp-b-{}={}", ask.header("cookie").unwrap(), ask.place(), stranger.browser);
    all.push(("with both browsers' cookies".to_owned(), ask.clone().with("cookie", &both)));
    all
}

#[tokio::test]
async fn a_form_that_others_made_changes_nothing() {
    let world = World::start().await;
    let (props, stranger) = (Props::of(&world).await, Stranger::of(&world).await);
    let forms: Vec<Ask> =
        props.all(&world).into_iter().filter(|ask| ask.is_browsers() && ask.method == Method::POST).collect();
    assert!(forms.len() > 35, "{}", forms.len());
    let linked: Vec<&str> = forms.iter().filter(|ask| ask.field("csrf").is_none()).map(|ask| ask.route).collect();
    assert_eq!(linked, ["/console/first"], "there the link is what no other page knows");
    let before = world.rows().await;
    for ask in &forms {
        for (how, forged) in forgeries(&world, &stranger, ask) {
            let answer = forged.send(&world).await;
            let refused = [400, 403].contains(&answer.status.as_u16());
            assert!(refused && location(&answer).is_none(), "{ask} {how}: {} {}", answer.status, answer.body);
            assert!(answer.cookie("__Host-sp-t-acme").is_none(), "{ask} {how}");
            assert!(answer.cookie("__Host-sp-l-acme").is_none(), "{ask} {how}");
        }
        let after = world.rows().await;
        let changed: Vec<&String> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "{ask}: {changed:#?}");
    }
    // And nothing was wrong with any but that.
    for ask in &forms {
        let answer = ask.send(&world).await;
        assert!(is_done(ask, &answer), "{ask}: {} {}", answer.status, answer.body);
    }
}

/// A link, or an image, that does what a form does.
#[tokio::test]
async fn looking_changes_nothing() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let forms = props.all(&world).into_iter().filter(|ask| ask.is_browsers() && ask.method == Method::POST);
    let before = world.rows().await;
    for mut ask in forms {
        ask.good.query.extend(ask.form().to_vec());
        (ask.good.body, ask.method) = (Body::None, Method::GET);
        // Whoever is logged in and comes to the login page goes on, which notes the login.
        let ask = if ask.route.ends_with("/login") { ask.with_cookie("t", None) } else { ask };
        let answer = ask.send(&world).await;
        assert!(answer.cookie("__Host-sp-t-acme").is_none(), "{ask}");
        let after = world.rows().await;
        // That somebody was asked is evidence.
        let known = |row: &&String| !row.contains("\"kind\": \"consent.shown\"");
        let changed: Vec<&String> = before.symmetric_difference(&after).filter(known).collect();
        assert!(changed.is_empty(), "{ask}: {changed:#?}");
    }
}

/// Where cookies say nothing, there is nothing to forge: a program shows what it has, and a page elsewhere has nothing of it.
#[tokio::test]
async fn cookies_open_nothing_but_pages() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let others: Vec<Ask> = props.all(&world).into_iter().filter(|ask| !ask.is_browsers()).collect();
    let before = world.rows().await;
    for ask in &others {
        let bare = ask.clone().without("authorization").with("origin", "https://evil.example");
        let answer = bare.clone().with("cookie", &props.scene.cookies).send(&world).await;
        assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{ask}");
        assert!(!answer.headers.contains_key("set-cookie"), "{ask}");
        let status = answer.status.as_u16();
        match ask.guard {
            // For anybody, and the provider signs.
            Guard::Public | Guard::Preflight | Guard::Registration | Guard::Provider => continue,
            Guard::Bearer => assert!([401, 403].contains(&status), "{ask}: {status}"),
            // Whoever does not say who it is has asked for nothing.
            Guard::Client => assert!([400, 401].contains(&status), "{ask}: {status}"),
            _ => assert_eq!(status, 401, "{ask}: {}", answer.body),
        }
        assert_eq!(bare.send(&world).await.status, answer.status, "{ask}: cookies make a difference");
    }
    let after = world.rows().await;
    // Anybody may register, and a provider says who is logged out.
    let known = |row: &&String| !["client ", "audit_", "logout_token "].iter().any(|table| row.starts_with(table));
    let changed: Vec<&String> = before.symmetric_difference(&after).filter(known).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

/// No page of another origin reads what a person sees.
#[tokio::test]
async fn no_other_origin_reads_pages() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    for ask in props.all(&world).into_iter().filter(|ask| ask.method == Method::GET) {
        let answer = ask.clone().with("origin", "https://evil.example").send(&world).await;
        let open = answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{ask}");
        let anybodys = matches!(ask.guard, Guard::Public | Guard::RegistrationToken);
        assert!(open.is_none() || open == Some("*") && anybodys, "{ask}: {open:?}");
    }
}
