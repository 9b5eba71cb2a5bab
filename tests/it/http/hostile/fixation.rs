//! Cookies that somebody else planted (session fixation): they let nobody in, and whoever logs in gets one of their own.

use std::collections::BTreeSet;

use http::header::SET_COOKIE;
use sallyport::secret::{Entropy, Handle, HandleKind};

use super::{
    ask::{Ask, is_done, location},
    props::Props,
    world::World,
};
use crate::harness::{
    app::TestTenant,
    browser::{Page, TestBrowser},
};

/// The routes by which somebody comes in, and what an answer of each says.
const WAYS_IN: [&str; 4] = [
    "GET /t/{tenant}/login/with/{provider}/callback",
    "POST /t/{tenant}/login",
    "POST /t/{tenant}/login/passkey",
    "POST /t/{tenant}/login/second",
];

/// The handle of somebody's session in a browser of their own.
async fn session(world: &World, tenant: &TestTenant, username: &str, password: &str) -> String {
    let page = TestBrowser::new(world.app()).try_login(tenant, username, password).await;
    page.cookie(&format!("__Host-sp-t-{}", tenant.slug)).expect("a session").to_owned()
}

/// What an answer is, without what is fresh each time.
fn outcome(page: &Page) -> (u16, Option<String>) {
    let to = location(page).map(|to| to.split('?').next().unwrap().to_owned());
    (page.status.as_u16(), to)
}

/// What could be planted in place of a session.
async fn planted(world: &World, props: &Props) -> Vec<(&'static str, String)> {
    let fresh = |kind| Handle::generate(kind, &Entropy::system()).unwrap().expose().to_owned();
    let browser = TestBrowser::new(world.app());
    let own = &world.acme().person;
    let ended = browser.try_login(world.acme(), &own.username, &own.password).await;
    let csrf = browser.get("/t/acme/account").await.hidden("csrf");
    assert_eq!(browser.post("/t/acme/logout", &[("csrf", &csrf)]).await.status, 303);
    let other = &world.other;
    let scene = &props.scene;
    let of = |place: &str| {
        let (_, rest) = scene.cookies.split_once(&format!("__Host-sp-{place}-acme=")).unwrap();
        rest.split(';').next().unwrap().to_owned()
    };
    vec![
        ("one that nobody gave out", fresh(HandleKind::Session)),
        ("one of another tenant", session(world, other, &other.person.username, &other.person.password).await),
        ("one that has ended", ended.cookie("__Host-sp-t-acme").unwrap().to_owned()),
        ("a browser", of("b")),
        ("nonsense", "' or 1=1 --".replace(['\'', ' '], "_")),
        ("two", format!("{0}; __Host-sp-t-acme={0}", of("t"))),
        ("one that stands twice, the second time made up", format!("{}; __Host-sp-t-acme=x", of("t"))),
    ]
}

/// Where somebody is sent who is not logged in.
fn login(ask: &Ask) -> String {
    format!("/t/{}/login", ask.place())
}

#[tokio::test]
async fn what_was_planted_is_nobody() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let planted = planted(&world, &props).await;
    let mut free = BTreeSet::new();
    for ask in props.all(&world).into_iter().filter(|ask| ask.is_browsers()) {
        if ask.cookie("t").is_none() {
            continue;
        }
        let nobody = ask.clone().with_cookie("t", None).send(&world).await;
        let (status, to) = outcome(&nobody);
        let to_login = to.as_deref() == Some(&*login(&ask));
        if status < 400 && !to_login {
            // Whoever is nobody may do it as well, once.
            free.insert(ask.to_string());
            continue;
        }
        for (what, planted) in &planted {
            let answer = ask.clone().with_cookie("t", Some(planted)).send(&world).await;
            assert_eq!(outcome(&answer), (status, to.clone()), "{ask} with {what}: {}", answer.body);
            assert!(!answer.headers.contains_key(SET_COOKIE), "{ask} with {what}");
        }
    }
    let free: Vec<&str> = free.iter().map(String::as_str).collect();
    assert_eq!(
        free,
        [
            "GET /console/first",
            "GET /t/{tenant}/link",
            "GET /t/{tenant}/login",
            "GET /t/{tenant}/logout",
            "POST /console/first",
            "POST /t/{tenant}/link",
            "POST /t/{tenant}/logout",
        ]
    );
}

/// A login that waits for its second factor is none.
#[tokio::test]
async fn half_a_login_is_nobody() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let all = props.all(&world);
    let half = all.iter().find(|ask| ask.cookie("l").is_some()).expect("a login that waits");
    let (step, browser) = (half.cookie("l").unwrap(), half.cookie("b").unwrap());
    for ask in all.iter().filter(|ask| ask.is_browsers() && ask.cookie("t").is_some()) {
        let nobody = ask.clone().with_cookie("t", None);
        let answer = nobody.clone().send(&world).await;
        if answer.status.as_u16() < 400 && !location(&answer).is_some_and(|to| to.starts_with(&login(ask))) {
            continue;
        }
        for with in [
            nobody.clone().with_cookie("l", Some(step)),
            nobody.clone().with_cookie("l", Some(step)).with_cookie("b", Some(browser)),
            nobody.with_cookie("t", Some(step)),
        ] {
            let answer = with.send(&world).await;
            let refused =
                answer.status.as_u16() >= 400 || location(&answer).is_some_and(|to| to.starts_with(&login(ask)));
            assert!(refused && answer.cookie("__Host-sp-t-acme").is_none(), "{ask}: {}", answer.status);
        }
    }
}

/// Whoever logs in has a session that nobody knew before, whatever was in the browser; and what was there is over.
#[tokio::test]
async fn whoever_logs_in_gets_a_session_of_their_own() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let mallory = world.app().person(world.acme().id, "mallory").await;
    let (mut ways, mut known) = (BTreeSet::new(), BTreeSet::new());
    for ask in props.all(&world).into_iter().filter(Ask::is_browsers) {
        if !WAYS_IN.contains(&ask.to_string().as_str()) {
            let answer = ask.send(&world).await;
            // Gone with the logout.
            let set = answer.cookie("__Host-sp-t-acme").is_some_and(|value| !value.is_empty());
            assert!(!set && is_done(&ask, &answer), "{ask}: {} {}", answer.status, answer.body);
            continue;
        }
        let own = session(&world, world.acme(), "mallory", &mallory.password).await;
        let answer = ask.clone().with_cookie("t", Some(&own)).send(&world).await;
        let given = answer.cookie("__Host-sp-t-acme").unwrap_or_else(|| panic!("{ask}: {}", answer.body)).to_owned();
        assert!(given != own && known.insert(given.clone()), "{ask}");
        let account = async |handle: &str| {
            let request = world.app().http().get(world.app().url("/t/acme/account"));
            Page::of(request.header("cookie", format!("__Host-sp-t-acme={handle}"))).await
        };
        assert_eq!(account(&own).await.status, 303, "{ask}: what was planted is over");
        let page = account(&given).await;
        assert!(page.status == 200 && !page.body.contains("mallory"), "{ask}: {}", page.body);
        ways.insert(ask.to_string());
        if let Some(step) = ask.cookie("l") {
            assert_eq!(answer.cookie("__Host-sp-l-acme"), Some(""), "{ask}");
            let again = ask.clone().with_cookie("l", Some(step)).send(&world).await;
            assert_eq!(outcome(&again), (303, Some("/t/acme/login".to_owned())), "{ask}: it has been used");
        }
    }
    assert!(ways.iter().eq(WAYS_IN), "{ways:?}");
}

/// What ends with each change of how somebody logs in, and of what they may: their login here, and those elsewhere. A new form of
/// the account, or of a person in the console, has to say so here.
#[tokio::test]
async fn what_changes_who_somebody_is_ends_the_logins_that_it_should() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let owner = &world.app().db.owner;
    // Everybody who is logged in is so elsewhere as well; and so are the people that the console changes.
    let copy = "jsonb_populate_record(own, jsonb_build_object('id', gen_random_uuid(),
                    'hash', '\\x' || encode(sha256(gen_random_uuid()::text::bytea), 'hex')";
    let all = format!("insert into session select ({copy}))).* from session own");
    sqlx::query(sqlx::AssertSqlSafe(all)).execute(owner).await.unwrap();
    let template = copy.replace("(own,", "(one.own,");
    let elsewhere = format!(
        "insert into session select ({template}, 'person', other.id))).* from person other,
             (select own from session own limit 1) one(own)
          where other.tenant = (one.own).tenant and not exists (select from session had where had.person = other.id)"
    );
    sqlx::query(sqlx::AssertSqlSafe(elsewhere)).execute(owner).await.unwrap();
    let ended = async || -> i64 {
        let count = "select count(*) from session where ended_at is not null";
        sqlx::query_scalar(count).fetch_one(owner).await.unwrap()
    };
    let mut found = Vec::new();
    for ask in props.all(&world) {
        let people =
            ["/t/{tenant}/account/", "/t/{tenant}/log", "/t/{tenant}/link", "/console/t/{tenant}/people/{object}"];
        if !ask.is_browsers() || !ask.changes() || !people.iter().any(|path| ask.route.starts_with(path)) {
            continue;
        }
        let before = ended().await;
        let ask = ask.with_field("session", None);
        let answer = ask.send(&world).await;
        assert!(is_done(&ask, &answer), "{ask}: {} {}", answer.status, answer.body);
        found.push((ask.route, ended().await - before));
    }
    let expected = [
        ("/t/{tenant}/login", 0),
        ("/t/{tenant}/login/with/{provider}", 0),
        ("/t/{tenant}/login/second", 0),
        ("/t/{tenant}/link", 1),
        ("/t/{tenant}/account/revoke", 0),
        ("/t/{tenant}/account/totp", 0),
        ("/t/{tenant}/account/totp/remove", 0),
        ("/t/{tenant}/account/passkey", 0),
        ("/t/{tenant}/login/passkey", 0),
        ("/t/{tenant}/account/identity", 0),
        ("/t/{tenant}/account/identity/remove", 0),
        ("/t/{tenant}/account/recovery", 0),
        // The copy, and the login of just now.
        ("/t/{tenant}/account/password", 2),
        // There are no others left.
        ("/t/{tenant}/account/sessions/end", 0),
        // One more; whoever loses one is logged out: tests/it/console/people.rs.
        ("/console/t/{tenant}/people/{object}/roles", 0),
        ("/console/t/{tenant}/people/{object}/link", 0),
        ("/console/t/{tenant}/people/{object}/factors", 1),
        ("/console/t/{tenant}/people/{object}/enable", 0),
        ("/console/t/{tenant}/people/{object}/disable", 1),
        ("/console/t/{tenant}/people/{object}/end", 1),
        ("/t/{tenant}/account/passkey/remove", 0),
        ("/t/{tenant}/logout", 1),
    ];
    assert_eq!(found, expected);
}
