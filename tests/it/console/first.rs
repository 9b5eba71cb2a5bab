//! The link by which somebody makes the first tenant and their own account.

use http::StatusCode;
use sallyport::people::first;

use crate::harness::{app::TestApp, browser::TestBrowser};

const PASSWORD: &str = "seven green umbrellas";

fn fields<'a>(link: &'a str, slug: &'a str) -> Vec<(&'a str, &'a str)> {
    let place = [("link", link), ("name", "Northwind"), ("slug", slug), ("username", "dana")];
    [&place[..], &[("password", PASSWORD), ("repeat", PASSWORD)]].concat()
}

async fn link(app: &TestApp) -> String {
    first::make(&app.app).await.unwrap().expect("there is no tenant").expose().to_owned()
}

#[tokio::test]
async fn the_first_administrator_goes_from_the_link_into_the_console() {
    let app = TestApp::start().await;
    let link = link(&app).await;
    let browser = TestBrowser::new(&app);
    let page = browser.get(&format!("/console/first?link={link}")).await;
    assert_eq!(page.status, 200);
    // What cannot be is said, and nothing is used up or lost.
    for (name, value) in
        [("slug", "No Slug"), ("username", ""), ("password", "short"), ("repeat", "other"), ("name", "")]
    {
        let mut wrong = fields(&link, "northwind");
        wrong.iter_mut().filter(|(own, _)| *own == name).for_each(|(_, old)| *old = value);
        let refused = browser.post("/console/first", &wrong).await;
        assert_eq!(refused.status, 400, "{name}");
        assert!(refused.body.contains("role=\"alert\"") && !refused.body.contains(PASSWORD), "{}", refused.body);
    }
    let made = browser.post("/console/first", &fields(&link, "northwind")).await;
    let login = made.location().to_owned();
    assert!(login.starts_with("/t/northwind/login?to="), "{login}");
    let page = browser.get(&login).await;
    let entered =
        [("username", "dana"), ("password", PASSWORD), ("csrf", &*page.hidden("csrf")), ("to", &*page.hidden("to"))];
    let console = browser.post("/t/northwind/login", &entered).await.location().to_owned();
    assert_eq!(console, "/console/t/northwind");
    let overview = browser.get(&console).await;
    assert!(overview.body.contains("Add a server"), "{}", overview.body);
    // Once, and never again while there is something.
    assert_eq!(browser.get(&format!("/console/first?link={link}")).await.status, 400);
    assert!(first::make(&app.app).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_browsers_one_wins() {
    let app = TestApp::start().await;
    let link = link(&app).await;
    let (one, other) = (TestBrowser::new(&app), TestBrowser::new(&app));
    let (mine, theirs) = (fields(&link, "one"), fields(&link, "other"));
    let (one, other) = tokio::join!(one.post("/console/first", &mine), other.post("/console/first", &theirs));
    let mut answers = [one.status, other.status];
    answers.sort();
    assert_eq!(answers, [StatusCode::SEE_OTHER, StatusCode::BAD_REQUEST]);
    let tenants: i64 = sqlx::query_scalar("select count(*) from tenant").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(tenants, 1);
}

#[tokio::test]
async fn an_old_link_another_page_and_a_tenant_end_it() {
    let app = TestApp::start().await;
    let browser = TestBrowser::new(&app);
    let old = link(&app).await;
    let newer = link(&app).await;
    assert_eq!(browser.get(&format!("/console/first?link={old}")).await.status, 400, "a newer one took its place");
    let foreign = app.http().post(app.url("/console/first")).header("origin", "https://evil.example");
    let foreign = foreign.form(&fields(&newer, "northwind")).send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(browser.get(&format!("/console/first?link={newer}")).await.status, 200);
    app.clock.advance(std::time::Duration::from_secs(25 * 3600));
    assert_eq!(browser.get(&format!("/console/first?link={newer}")).await.status, 400, "a day has gone by");
    let hash: Vec<u8> = sqlx::query_scalar("select hash from first_link").fetch_one(&app.db.owner).await.unwrap();
    assert!(!hash.is_empty() && hash != newer.as_bytes());
}
