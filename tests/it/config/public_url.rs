use proptest::prelude::*;
use sallyport::config::{BadPublicUrl, PublicUrl};

#[test]
fn an_origin_is_taken_as_it_is() {
    for (text, authority, https) in [
        ("https://mcp.example.com", "mcp.example.com", true),
        ("https://mcp.example.com:8443", "mcp.example.com:8443", true),
        ("https://192.0.2.1", "192.0.2.1", true),
        ("http://localhost:8080", "localhost:8080", false),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", false),
        ("http://[::1]:8080", "[::1]:8080", false),
    ] {
        let url = PublicUrl::parse(text).unwrap();
        assert_eq!((url.as_str(), url.origin(), url.authority(), url.is_https()), (text, text, authority, https));
    }
}

#[test]
fn another_spelling_is_refused_with_the_right_one() {
    for (text, right) in [
        ("https://mcp.example.com/", "https://mcp.example.com"),
        ("https://MCP.example.com", "https://mcp.example.com"),
        ("HTTPS://mcp.example.com", "https://mcp.example.com"),
        ("https://mcp.example.com:443", "https://mcp.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        (" https://mcp.example.com", "https://mcp.example.com"),
    ] {
        assert_eq!(PublicUrl::parse(text), Err(BadPublicUrl::Spelling(right.to_owned())), "{text}");
    }
}

#[test]
fn more_than_an_origin_is_refused() {
    for (text, what) in [
        ("https://mcp.example.com/sallyport", "path"),
        ("https://mcp.example.com?a", "query"),
        ("https://mcp.example.com#a", "fragment"),
        ("https://me@mcp.example.com", "user name and password"),
        ("https://mcp.example.com.", "dot at the end of the host"),
    ] {
        assert_eq!(PublicUrl::parse(text), Err(BadPublicUrl::TooMuch(what)), "{text}");
    }
}

#[test]
fn plain_http_is_for_this_computer_only() {
    for text in [
        "http://mcp.example.com",
        "http://127.0.0.2",
        "http://localhost.example.com",
        "ftp://localhost",
        "ws://localhost",
    ] {
        assert_eq!(PublicUrl::parse(text), Err(BadPublicUrl::NotSecure), "{text}");
    }
    for text in ["", "mcp.example.com", "https://", "data:x"] {
        assert!(matches!(PublicUrl::parse(text), Err(BadPublicUrl::NotUrl(_))), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_taken_is_byte_stable(text in "(https?|HTTPS)://[a-zA-Z0-9.:@/?#\\[\\]-]{0,24}") {
        if let Ok(url) = PublicUrl::parse(&text) {
            prop_assert_eq!(url.as_str(), &text);
            let built = format!("{text}/t/demo");
            let parsed = url::Url::parse(&built).unwrap();
            prop_assert_eq!(parsed.as_str(), built.as_str());
            prop_assert_eq!(parsed.path(), "/t/demo");
        }
    }
}
