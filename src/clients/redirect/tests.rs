use proptest::prelude::*;

use super::*;

fn register(text: &str) -> Result<RedirectUri, RedirectUriProblem> {
    RedirectUri::register(text, &CustomSchemes::default()).map_err(|bad| bad.problem)
}

fn uri(text: &str) -> RedirectUri {
    register(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

#[test]
fn what_real_clients_register_is_accepted() {
    for text in [
        "https://claude.ai/api/mcp/auth_callback",
        "https://chatgpt.com/connector/oauth/abc_DEF-123",
        "https://vscode.dev/redirect",
        "https://global.consent.azure-apim.net/redirect/x",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
        "http://127.0.0.1",
        "http://[::1]:8080/callback?x=1",
        "http://localhost/callback",
        "http://localhost:8787/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "vscode://vscode.github-authentication/did-authenticate",
        "vscode-insiders://vscode.github-authentication/did-authenticate",
        "com.example.app:/oauth2redirect",
        "com.example.app://callback",
        "https://xn--bcher-kva.example/cb?a=%20b",
        "https://192.0.2.1:8443/cb",
        "https://[2001:db8::1]/cb",
        "https://localhost:3000/cb",
    ] {
        assert_eq!(uri(text).as_str(), text);
        assert!(uri(text).matches(text), "{text}");
    }
}

#[test]
fn what_cannot_be_a_redirect_uri_is_refused_with_its_reason() {
    use RedirectUriProblem as P;
    let long = format!("https://a.example/{}", "x".repeat(MAX_BYTES));
    for (text, problem) in [
        (long.as_str(), P::TooLong),
        ("", P::NoScheme),
        ("/callback", P::NoScheme),
        ("localhost", P::NoScheme),
        ("localhost:3000", P::NotHierarchical),
        ("HTTPS://a.example/", P::NoScheme),
        ("9p:/x", P::NoScheme),
        ("https:a.example", P::NotHierarchical),
        ("https:/a.example", P::NotHierarchical),
        ("https:///a", P::NotHierarchical),
        ("https://?a", P::NotHierarchical),
        ("com.example.app:", P::NotHierarchical),
        ("com.example.app:done", P::NotHierarchical),
        ("https://a.example/#", P::Fragment),
        ("https://a.example/*", P::Wildcard),
        ("https://*.example/", P::Wildcard),
        ("https://a.example/\u{e9}", P::Character),
        ("https://a.example/ b", P::Character),
        ("https://a.example/\n", P::Character),
        ("https://a.example/%2", P::Character),
        ("https://a.example/%zz", P::Character),
        ("https://a.example\\@b.example/", P::Character),
        ("https://a.example/<>", P::Character),
        ("https://a.example/'", P::Character),
        ("https://a.example/[x]", P::Character),
        ("https://user@a.example/", P::UserInfo),
        ("https://a.example:pw@b.example/", P::UserInfo),
        ("cursor://x@y/", P::UserInfo),
        ("http://a.example/", P::InsecureHost),
        ("http://localhost.a.example/", P::InsecureHost),
        ("http://LOCALHOST/", P::InsecureHost),
        ("http://localhost./", P::InsecureHost),
        ("http://127.0.0.2/", P::InsecureHost),
        ("http://127.1/", P::InsecureHost),
        ("http://[::ffff:127.0.0.1]/", P::InsecureHost),
        ("http://0.0.0.0/", P::InsecureHost),
        ("https://A.example/", P::Host),
        ("https://a.example./", P::Host),
        ("https://0x7f.1/", P::Host),
        ("https://2130706433/", P::Host),
        ("https://%61.example/", P::Host),
        ("https://[::1/", P::Port),
        ("https://a]/", P::Host),
        ("https://a.example:/", P::Port),
        ("https://a.example:0/", P::Port),
        ("https://a.example:0443/", P::Port),
        ("https://a.example:65536/", P::Port),
        ("https://a.example:+1/", P::Port),
        ("http://localhost:1:2/", P::Port),
        ("http://[::1]x/", P::Port),
    ] {
        assert_eq!(register(text), Err(problem), "{text}");
    }
}

#[test]
fn schemes_that_run_or_read_something_are_never_accepted() {
    for scheme in
        ["javascript", "data", "file", "blob", "about", "ws", "wss", "ftp", "vbscript", "mailto", "unheard-of"]
    {
        for rest in ["/x", "//x/y"] {
            let problem = register(&format!("{scheme}:{rest}")).unwrap_err();
            assert_eq!(problem, RedirectUriProblem::Scheme(scheme.to_owned()));
        }
    }
    assert!(matches!(check_scheme("javascript"), Err(BadScheme::Never(_))));
    assert!(matches!(check_scheme("Cursor"), Err(BadScheme::Syntax(_))));
    assert!(matches!(check_scheme(""), Err(BadScheme::Syntax(_))));
    let careless = CustomSchemes::known_and(&["javascript".to_owned()]);
    assert!(RedirectUri::register("javascript:/x", &careless).is_err());
}

#[test]
fn a_tenant_has_its_own_custom_schemes() {
    let own = CustomSchemes::known_and(&["corp-tool".to_owned()]);
    assert!(RedirectUri::register("corp-tool://x/", &own).is_ok());
    assert!(RedirectUri::register("cursor://x/", &own).is_ok());
    assert!(RedirectUri::register("com.example.app:/x", &own).is_ok());
    assert!(RedirectUri::register("corp-tool://x/", &CustomSchemes::default()).is_err());
}

#[test]
fn a_refusal_names_the_uri() {
    let bad = RedirectUri::register("http://a.example/cb", &CustomSchemes::default()).unwrap_err();
    assert!(bad.to_string().contains("http://a.example/cb"), "{bad}");
}

#[test]
fn only_the_port_of_a_loopback_address_may_differ() {
    let portless = uri("http://localhost/callback");
    let ported = uri("http://127.0.0.1:33418/");
    let six = uri("http://[::1]/cb?a=b");
    for (registered, presented) in [
        (&portless, "http://localhost:3118/callback"),
        (&portless, "http://localhost:65535/callback"),
        (&ported, "http://127.0.0.1:50000/"),
        (&ported, "http://127.0.0.1/"),
        (&six, "http://[::1]:9/cb?a=b"),
    ] {
        assert!(registered.matches(presented), "{presented}");
    }
    for (registered, presented) in [
        (&portless, "http://127.0.0.1:3118/callback"),
        (&portless, "http://[::1]:3118/callback"),
        (&portless, "https://localhost:3118/callback"),
        (&portless, "http://LOCALHOST:3118/callback"),
        (&portless, "http://localhost.:3118/callback"),
        (&portless, "http://localhost:0/callback"),
        (&portless, "http://localhost:00080/callback"),
        (&portless, "http://localhost:/callback"),
        (&portless, "http://localhost:65536/callback"),
        (&portless, "http://localhost:3118/callback/"),
        (&portless, "http://localhost:3118/Callback"),
        (&portless, "http://localhost:3118/%63allback"),
        (&portless, "http://localhost:3118/callback?x"),
        (&portless, "http://localhost:3118/callback#"),
        (&portless, "http://localhost:80@evil.example/callback"),
        (&portless, "http://user@localhost:3118/callback"),
        (&portless, "http://localhost:3118\\@evil.example/callback"),
        (&portless, "http://localhost%3a3118/callback"),
        (&portless, "http://evil.example:3118/callback"),
        (&portless, "http://localhost:3118"),
        (&portless, "http:/localhost:3118/callback"),
        (&portless, " http://localhost:3118/callback"),
        (&portless, ""),
        (&ported, "http://127.0.0.1:50000"),
        (&ported, "http://127.1:50000/"),
        (&ported, "http://127.0.0.1.:50000/"),
        (&six, "http://[0:0:0:0:0:0:0:1]:9/cb?a=b"),
    ] {
        assert!(!registered.matches(presented), "{presented}");
    }
    assert!(!uri("https://localhost:3000/cb").matches("https://localhost:3001/cb"));
    assert!(!uri("https://a.example/cb").matches("https://a.example:443/cb"));
    assert!(!uri("cursor://a:1/cb").matches("cursor://a:2/cb"));
}

#[test]
fn a_request_may_leave_out_the_only_uri_unless_its_port_is_open() {
    let web = uri("https://a.example/cb");
    let loopback = uri("http://localhost/cb");
    assert_eq!(RedirectUri::find(std::slice::from_ref(&web), None), Ok(web.clone()));
    assert_eq!(RedirectUri::find(std::slice::from_ref(&loopback), None), Err(RedirectMismatch::Missing));
    let ported = uri("http://localhost:8787/cb");
    assert_eq!(RedirectUri::find(std::slice::from_ref(&ported), None), Ok(ported.clone()));
    let both = [web, loopback];
    assert_eq!(RedirectUri::find(&both, None), Err(RedirectMismatch::Missing));
    let found = RedirectUri::find(&both, Some("http://localhost:7777/cb")).unwrap();
    assert_eq!(found.as_str(), "http://localhost:7777/cb");
    assert_eq!(RedirectUri::find(&both, Some("https://b.example/cb")), Err(RedirectMismatch::Unregistered));
    assert_eq!(RedirectUri::find(&[], Some("https://b.example/cb")), Err(RedirectMismatch::Unregistered));
}

#[test]
fn people_read_where_it_leads() {
    for (text, host, key, here) in [
        ("https://a.example:8443/cb?x", "a.example:8443", "https://a.example:8443/cb?x", false),
        ("http://localhost:3118/cb?x", "localhost:3118", "http://localhost/cb?x", true),
        ("http://[::1]:3118/cb", "[::1]:3118", "http://[::1]/cb", true),
        ("http://127.0.0.1", "127.0.0.1", "http://127.0.0.1", true),
        ("https://localhost:3000/cb", "localhost:3000", "https://localhost:3000/cb", true),
        ("https://app.localhost/cb", "app.localhost", "https://app.localhost/cb", true),
        ("https://127.9.9.9/cb", "127.9.9.9", "https://127.9.9.9/cb", true),
        ("cursor://anysphere.cursor-mcp/cb", "cursor://anysphere.cursor-mcp", "cursor://anysphere.cursor-mcp/cb", true),
        ("com.example.app:/done", "com.example.app:", "com.example.app:/done", true),
    ] {
        let uri = uri(text);
        assert_eq!((uri.host_for_people(), uri.redirect_key().as_str(), uri.is_this_computer()), (host, key, here));
    }
}

/// A loopback URI as its host and what follows the port.
fn loopback() -> impl Strategy<Value = (String, String)> {
    let host = prop::sample::select(vec!["127.0.0.1", "[::1]", "localhost"]);
    (host.prop_map(str::to_owned), "(/[a-z/]{0,12})?(\\?[a-z=&]{0,8})?")
}

fn any_uri() -> impl Strategy<Value = String> {
    let web = "https://[a-z]{1,8}\\.example(:[1-9][0-9]{0,3})?/[a-z/]{0,10}";
    let app = "cursor://[a-z.]{1,10}(:[1-9][0-9]{0,3})?/[a-z/]{0,10}";
    prop_oneof![web, app, loopback().prop_map(|(host, tail)| format!("http://{host}:4000{tail}"))]
}

/// Strings near a URI: one character inserted, replaced, removed, or text put before the host.
fn near(text: &str) -> impl Strategy<Value = String> + use<> {
    let (text, length) = (text.to_owned(), text.len());
    let odd = prop::sample::select(vec![
        "@", "\\", ":", "/", ".", "#", "?", "%2e", "%40", "0", "A", " ", "[", "]", "\t", "e",
    ]);
    (0..=length, 0_usize..3, odd).prop_map(move |(at, removed, inserted)| {
        let end = (at + removed).min(text.len());
        format!("{}{inserted}{}", &text[..at], &text[end..])
    })
}

/// Browsers do not read it.
#[test]
fn a_port_needs_a_host() {
    for text in ["cursor://:1", "cursor://:1/callback"] {
        assert!(register(text).is_err(), "{text}");
    }
    assert!(register("cursor:///callback").is_ok());
}

proptest! {
    #[test]
    fn any_port_of_the_same_loopback_address_matches((host, tail) in loopback(), a in 1_u16.., b in 1_u16..) {
        let with = |port: u16| format!("http://{host}:{port}{tail}");
        let portless = uri(&format!("http://{host}{tail}"));
        prop_assert!(uri(&with(a)).matches(&with(b)));
        prop_assert!(portless.matches(&with(a)));
        prop_assert_eq!(uri(&with(a)).redirect_key(), portless.as_str());
    }

    #[test]
    fn nothing_else_ever_matches((registered, presented) in any_uri().prop_flat_map(|text| {
        let presented = near(&text);
        (Just(text), presented)
    })) {
        let registered = uri(&registered);
        if registered.matches(&presented) && presented != registered.as_str() {
            // What is left once a plain port is cut out of each must be the same bytes, of a loopback address.
            let without_port = |text: &str| {
                let rest = text.strip_prefix("http://").unwrap_or_default();
                let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| rest.starts_with(host)).unwrap();
                let rest = &rest[host.len()..];
                let tail = rest.strip_prefix(':').map_or(rest, |r| r.trim_start_matches(|c: char| c.is_ascii_digit()));
                format!("{host}{tail}")
            };
            prop_assert_eq!(without_port(&presented), without_port(registered.as_str()));
            // And a browser goes to the same place, but for the port.
            let (theirs, ours) = (url::Url::parse(&presented).unwrap(), url::Url::parse(registered.as_str()).unwrap());
            prop_assert_eq!(
                (theirs.scheme(), theirs.host_str(), theirs.path(), theirs.query(), theirs.username()),
                (ours.scheme(), ours.host_str(), ours.path(), ours.query(), ours.username())
            );
        }
    }

    #[test]
    fn what_is_accepted_is_read_by_browsers_as_we_read_it(text in "(https?|cursor)://[a-z0-9.:@\\[\\]-]{1,20}[/?#\\\\]?[a-z@.:]{0,6}") {
        if let Ok(accepted) = register(&text) {
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str().unwrap_or_default(), accepted.shape.host(&text));
            prop_assert_eq!(url.username(), "");
            prop_assert_eq!(url.password(), None);
            if accepted.kind() == RedirectKind::Loopback {
                prop_assert!(accepted.is_this_computer());
            }
        }
    }

    #[test]
    fn a_stored_uri_reads_back(text in any_uri()) {
        prop_assert_eq!(RedirectUri::stored(text.clone()), Ok(uri(&text)));
    }
}
