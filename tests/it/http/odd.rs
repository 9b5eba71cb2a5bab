//! Odd requests, at every route: never a fault, never a page where a program asks, never an echo.

use http::{Method, StatusCode, header};
use reqwest::Response;
use sallyport::app::routes::{self, Guard};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::app::TestApp;

/// What no answer may carry as it is.
const MARK: &str = "\"><script>alert(1)</script>";

fn path(route: &str) -> String {
    let path = route.replace("{tenant}", "acme").replace("{server}", "demo");
    path.replace("{client_id}", "c_unknown")
        .replace("{file}", "x.css")
        .replace("{object}", "c_unknown")
        .replace("{id}", "c_unknown")
        .replace("{provider}", "nobody")
}

async fn check(response: Response, guard: Guard, what: &str) {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.text().await.unwrap();
    assert!(status.as_u16() < 500, "{what}: {status} {body}");
    assert!(!body.contains(MARK), "{what}: {body}");
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap()).unwrap_or_default();
    if !kind.starts_with("text/html") {
        // Whatever stands in it, no browser takes it for a page.
        let plain =
            ["application/json", "application/problem+json", "text/plain; charset=utf-8", "text/css; charset=utf-8"]
                .contains(&kind);
        assert!(plain || body.is_empty(), "{what}: {kind} {body}");
        return;
    }
    assert!(matches!(guard, Guard::Browser | Guard::Console(..)), "{what}: {body}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value, "{what}");
    }
    assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"), "{what}");
}

#[tokio::test]
async fn no_odd_request_is_a_fault_of_ours_or_comes_back_as_it_was() {
    let app = TestApp::start_with(|config| config.registration.burst = 10_000).await;
    let _acme = app.tenant("acme").await;
    let http = app.browser();
    let long = "x".repeat(20_000);
    let queries = [
        "%00=%00",
        "%ff=%fe&client_id=%ff",
        "client_id&redirect_uri&state",
        "client_id=a&client_id=b",
        "interaction=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&client_id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        &format!("state={long}"),
        &"a&".repeat(600),
    ]
    .map(str::to_owned);
    let forms = "application/x-www-form-urlencoded";
    let (huge, deep) = ("x=".to_owned() + &"y".repeat(3 << 20), "[".repeat(9_000));
    let encoded: String = url::form_urlencoded::byte_serialize(MARK.as_bytes()).collect();
    let bodies: [(&str, Vec<u8>); 14] = [
        (forms, b"\xff\xfe=\x00".to_vec()),
        (forms, b"%00=%00&client_id=%00".to_vec()),
        (forms, format!("grant_type={encoded}&client_id={encoded}&token={encoded}&csrf={encoded}").into_bytes()),
        (forms, b"client_id=a&client_id=b&csrf=a&csrf=b&username=%00".to_vec()),
        (forms, "a=b&".repeat(600).into_bytes()),
        (forms, huge.into_bytes()),
        ("application/json", deep.into_bytes()),
        (
            "application/json",
            b"{\"redirect_uris\":[\"https://a.example/\\u0000\"],\"client_name\":\"\\ud800\"}".to_vec(),
        ),
        ("application/json", format!("{{\"redirect_uris\":[{MARK:?}]}}").into_bytes()),
        ("application/json", b"{\"a\":1,\"a\":1}".to_vec()),
        ("application/json", b"\xff".to_vec()),
        ("multipart/form-data; boundary=x", b"--x\r\n".to_vec()),
        ("text/html", MARK.as_bytes().to_vec()),
        ("; charset=", Vec::new()),
    ];
    for route in routes::public() {
        let (at, guard) = (app.url(&path(route.path)), route.guard);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = http.request(method.clone(), &at).send().await.unwrap();
            check(response, guard, &format!("{method} {}", route.path)).await;
        }
        for query in &queries {
            let response = http.request(route.method.clone(), format!("{at}?{query}")).send().await.unwrap();
            check(response, guard, &format!("{} {}?{:.40}", route.method, route.path, query)).await;
        }
        for (kind, body) in bodies.iter().filter(|_| [Method::POST, Method::PUT].contains(&route.method)) {
            for auth in [None, Some("Basic Og=="), Some("Bearer sp_ra_x"), Some("Basic \u{e9}")] {
                let request = http.request(route.method.clone(), &at).header("content-type", *kind).body(body.clone());
                let request = match auth {
                    Some(auth) => request.header("authorization", auth.as_bytes()),
                    None => request,
                };
                let what =
                    format!("{} {} {kind} {auth:?} {:.40}", route.method, route.path, body.escape_ascii().to_string());
                // A body that is refused before its end may close the connection under it.
                if let Ok(response) = request.send().await {
                    check(response, guard, &what).await;
                }
            }
        }
    }
}

/// What no client library sends.
#[tokio::test]
async fn no_odd_bytes_are_a_fault_of_ours() {
    let app = TestApp::start().await;
    let _acme = app.tenant("acme").await;
    let host = app.base.strip_prefix("http://").unwrap();
    let heads: [&[u8]; 8] = [
        b"GET /t/%ff/authorize HTTP/1.1\r\n",
        b"GET /t/acme%2f..%2fx/jwks.json HTTP/1.1\r\n",
        b"GET /t/acme/register/%00%ff HTTP/1.1\r\n",
        b"GET /t/acme/authorize?client_id=\xc3\xa9 HTTP/1.1\r\n",
        b"GET /t/acme/login HTTP/1.1\r\nCookie: __Host-sp-b-acme=\xff; __Host-sp-t-acme=sp_se_\r\n",
        b"GET /t/acme/account HTTP/1.1\r\nCookie: __Host-sp-t-acme=a; __Host-sp-t-acme=b\r\n",
        b"GET //evil.example/%2e%2e HTTP/1.1\r\n",
        b"GET /t/acme/register/c_x HTTP/1.1\r\nAuthorization: Bearer \xff\r\n",
    ];
    for head in heads {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(head).await.unwrap();
        stream.write_all(format!("Host: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let status = StatusCode::from_bytes(answer.split(' ').nth(1).unwrap().as_bytes()).unwrap();
        let leaves = answer.contains("\nlocation: ") && !answer.contains("\nlocation: /t/acme/login\r\n");
        assert!(status.as_u16() < 500 && !leaves, "{} {answer}", head.escape_ascii());
    }
}
