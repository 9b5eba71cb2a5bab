//! Problems, and what a body must be.

use serde_json::{Value, json};

use crate::harness::{
    api::{all_rights, http, token},
    app::TestApp,
    console::appoint,
};

struct Api {
    app: TestApp,
    http: reqwest::Client,
}

impl Api {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        appoint(&app, tenant.person.id, "administrator").await;
        let http = http(&token(&app, tenant.id, "ada", &all_rights()).await);
        Self { app, http }
    }

    fn url(&self, path: &str) -> String {
        self.app.url(&format!("/api/admin/v1/tenants/acme/{path}"))
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let request = self.http.post(self.url(path)).header("content-type", "application/json").body(body);
        self.problem(request).await
    }

    async fn problem(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let (status, id) = (answer.status().as_u16(), answer.headers()["x-request-id"].clone());
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["request_id"], id.to_str().unwrap());
        assert_eq!(body["status"], status);
        (status, body)
    }
}

#[tokio::test]
async fn a_body_says_what_the_document_names_and_nothing_else() {
    let api = Api::start().await;
    for (body, status) in [
        ("", 400),
        ("[]", 400),
        ("{", 400),
        (r#"{"username": "zq"} {}"#, 400),
        (r#"{"username": "zq", "username": "zq"}"#, 400),
        (r#"{"username": "zq", "\u0075sername": "zq"}"#, 400),
        (r#"{"username": "zq", "roles": ["administrator"]}"#, 400),
        (r#"{"username": 1}"#, 400),
        (r#"{"name": "zq"}"#, 400),
        (r#"{"username": ""}"#, 400),
        (r#"{"username": "z\u202eq"}"#, 422),
        (r#"{"username": "ada"}"#, 409),
    ] {
        let (answered, problem) = api.post("people", body).await;
        assert_eq!(answered, status, "{body}: {problem}");
        assert!(!problem.to_string().contains("zq"), "{problem}");
    }
    let large = format!(r#"{{"username": "{}"}}"#, "x".repeat(256 * 1024));
    assert_eq!(api.post("people", large).await.0, 413);
    let request = api.http.post(api.url("people")).header("content-type", "text/plain").body("{}");
    assert_eq!(api.problem(request).await.0, 415);
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    assert_eq!(api.post("people", deep).await.0, 400);
}

#[tokio::test]
async fn a_list_is_asked_as_the_document_says() {
    let api = Api::start().await;
    for wrong in
        ["limit=0", "limit=201", "limit=x", "limit=1&limit=1", "after=x", "sort=name", "status=gone", "q=a&q=b"]
    {
        let (status, problem) = api.problem(api.http.get(api.url(&format!("people?{wrong}")))).await;
        assert_eq!(status, 400, "{wrong}: {problem}");
    }
    for n in 0..5 {
        let body = json!({ "username": format!("person-{n}") });
        assert_eq!(api.http.post(api.url("people")).json(&body).send().await.unwrap().status(), 201);
    }
    let (mut names, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut url = api.url("people?q=PERSON&limit=2");
        if let Some(after) = after {
            url = format!("{url}&after={after}");
        }
        let part: Value = api.http.get(url).send().await.unwrap().json().await.unwrap();
        let items = part["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["username"].as_str().unwrap().to_owned()));
        match part["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(names, ["person-0", "person-1", "person-2", "person-3", "person-4"]);
}

#[tokio::test]
async fn who_changes_a_thing_says_which_version_they_saw() {
    let api = Api::start().await;
    let shown = api.http.get(api.url("settings")).send().await.unwrap();
    let tag = shown.headers()["etag"].clone();
    let mut settings: Value = shown.json().await.unwrap();
    settings["name"] = "First".into();
    let put = |tag: Option<&str>, body: &Value| {
        let request = api.http.put(api.url("settings")).json(body);
        match tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        }
    };
    for (wrong, status) in [(None, 428), (Some("*"), 428), (Some("\"v1\""), 412), (Some("v1"), 412)] {
        assert_eq!(api.problem(put(wrong, &settings)).await.0, status, "{wrong:?}");
    }
    // Two who saw the same: one of them is told.
    let first = put(Some(tag.to_str().unwrap()), &settings).send().await.unwrap();
    assert_eq!(first.status(), 200);
    assert_ne!(first.headers()["etag"], tag);
    let next = first.headers()["etag"].clone();
    settings["name"] = "Second".into();
    assert_eq!(api.problem(put(Some(tag.to_str().unwrap()), &settings)).await.0, 412);
    assert_eq!(put(Some(next.to_str().unwrap()), &settings).send().await.unwrap().status(), 200);
    let now: Value = api.http.get(api.url("settings")).send().await.unwrap().json().await.unwrap();
    assert_eq!(now["name"], "Second");
}
