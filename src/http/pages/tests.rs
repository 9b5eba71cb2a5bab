//! Unit tests of what the pages are made of: shown text, links, headers, the stylesheet's name.

use proptest::prelude::*;

use super::*;

const HOSTILE: &str = "[a-zA-Z0-9 \u{0}-\u{20}\u{7f}-\u{a0}\u{ad}\u{300}-\u{304}\u{61c}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}\u{3164}\u{feff}\u{e0020}漢😀…]{0,120}";

#[test]
fn plain_names_stay_as_they_are() {
    for name in ["Claude Code", "VS Code (Insiders)", "Überprüfer 3000", "漢字クライアント", "Tiếng Việt", "مساعد"]
    {
        assert_eq!(display_text(name, 80), name);
    }
}

#[test]
fn white_space_of_every_kind_becomes_one_space() {
    assert_eq!(display_text("  a\n\n b\t\u{a0}c\u{2028}d \u{3164} e ", 80), "a b c d e");
}

#[test]
fn bidirectional_controls_and_invisible_characters_are_gone() {
    assert_eq!(display_text("Cla\u{202e}ude\u{200b} \u{2066}Code\u{2069}\u{feff}\u{e0041}\u{0}", 80), "Claude Code");
    assert_eq!(display_text("\u{200b}\u{202e}\u{1b}\u{3164}", 80), "");
}

#[test]
fn towers_of_marks_are_cut_down() {
    assert_eq!(display_text(&format!("e{}x", "\u{301}".repeat(40)), 80), "e\u{301}\u{301}x");
}

#[test]
fn json_says_the_same_and_shows_what_is_there() {
    let json = "{\n  \"a\": \"\u{202e}b\u{200b}\u{e0020}\u{fc}\"\n}";
    let shown = text::in_sight(json);
    assert_eq!(shown, "{\n  \"a\": \"\\u202eb\\u200b\\udb40\\udc20\u{fc}\"\n}");
    let read = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read(json), read(&shown));
}

#[test]
fn long_names_end_in_an_ellipsis_within_the_limit() {
    assert_eq!(display_text("abcdef", 6), "abcdef");
    assert_eq!(display_text("abcdefg", 6), "abcde…");
    assert_eq!(display_text("abcd efg", 6), "abcd…");
    assert_eq!(display_text("ab", 1), "…");
    assert_eq!(display_text("ab", 0), "");
}

proptest! {
    #[test]
    fn shown_text_is_one_short_clean_line(text in HOSTILE, max in 0usize..60) {
        let shown = display_text(&text, max);
        prop_assert!(shown.chars().count() <= max);
        prop_assert_eq!(shown.trim(), shown.as_str());
        prop_assert!(!shown.contains("  "));
        prop_assert!(shown.chars().all(|c| !c.is_control() && (c == ' ' || !c.is_whitespace())));
        let unseen = |c: char| matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{3164}' | '\u{feff}' | '\u{e0020}');
        prop_assert!(!shown.contains(unseen));
        prop_assert_eq!(display_text(&shown, max), shown);
    }

    #[test]
    fn shown_text_of_anything_is_stable(text in any::<String>(), max in 0usize..200) {
        let shown = display_text(&text, max);
        prop_assert!(shown.chars().count() <= max);
        prop_assert_eq!(display_text(&shown, max), shown);
    }

    #[test]
    fn no_link_runs_a_script(prefix in "[\u{0}-\u{20}]{0,3}", split in 0usize..11, gap in "[\t\r\n]{0,2}", upper in any::<bool>(), rest in ".{0,20}") {
        let mut scheme = "javascript:".to_owned();
        if upper {
            scheme.make_ascii_uppercase();
        }
        scheme.insert_str(split, &gap);
        let address = format!("{prefix}{scheme}{rest}");
        prop_assert!(SafeHref::new(address).is_err());
    }

    #[test]
    fn a_link_is_kept_byte_for_byte_and_cannot_leave_its_attribute(address in "\\PC{0,60}") {
        if let Ok(href) = SafeHref::new(address.clone()) {
            prop_assert_eq!(href.as_str(), address.as_str());
            prop_assert!(!address.contains(['"', '\'', '<', '>', ' ']));
            prop_assert!(address.starts_with('/') || address.contains(':'));
        }
    }
}

#[test]
fn addresses_of_clients_are_links() {
    for address in [
        "https://claude.ai/api/mcp/auth_callback?code=abc&state=%22x%22&iss=https%3A%2F%2Fa.example",
        "http://127.0.0.1:33418/callback?code=abc",
        "http://[::1]:33418/callback",
        "cursor://anysphere.cursor-retrieval/oauth/user-mcp/callback?code=abc",
        "com.example.app:/callback",
        "/t/demo/account",
    ] {
        assert_eq!(SafeHref::new(address).map(|href| href.as_str().to_owned()), Ok(address.to_owned()));
    }
}

#[test]
fn what_is_no_harmless_address_is_no_link() {
    use UnsafeHref::{Character, Relative, Scheme};
    for (address, error) in [
        ("javascript:alert(1)", Scheme),
        ("JavaScript:alert(1)", Scheme),
        ("data:text/html,hello", Scheme),
        ("vbscript:x", Scheme),
        ("blob:https://a.example/1", Scheme),
        ("file:///etc/passwd", Scheme),
        (" javascript:alert(1)", Character),
        ("java\nscript:alert(1)", Character),
        ("https://a.example/\u{202e}", Character),
        ("https://a.example/\"onclick", Character),
        ("/\\evil.example", Character),
        ("//evil.example", Relative),
        ("evil.example", Relative),
        ("1x:y", Relative),
        (":y", Relative),
        ("x:", Relative),
        ("", Relative),
    ] {
        assert_eq!(SafeHref::new(address), Err(error), "{address:?}");
    }
}

#[test]
fn a_link_does_not_show_its_code_in_debug_output() {
    let href = SafeHref::new("cursor://callback?code=secret").unwrap();
    assert!(!format!("{href:?}").contains("secret"));
}

#[test]
fn a_page_that_cannot_be_drawn_is_a_plain_fault_of_ours() {
    #[derive(Template)]
    #[template(source = "half a page {{ Self::fail()? }}", ext = "html")]
    struct Broken;
    impl Broken {
        fn fail() -> Result<&'static str, std::fmt::Error> {
            Err(std::fmt::Error)
        }
    }
    let response = html(StatusCode::OK, Broken);
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn a_file_may_be_kept_under_its_own_name_only() {
    let own = [stylesheet_path(), script_path()].map(|path| path.strip_prefix("/static/").unwrap());
    for (name, status, kind, caching) in [
        (own[0], StatusCode::OK, "text/css", "public, max-age=31536000, immutable"),
        ("sallyport.0123456789abcdef.css", StatusCode::OK, "text/css", "no-store"),
        (own[1], StatusCode::OK, "text/javascript", "public, max-age=31536000, immutable"),
        ("passkey.0123456789abcdef.js", StatusCode::OK, "text/javascript", "no-store"),
        ("sallyport.0123456789abcdef.js", StatusCode::NOT_FOUND, "text/plain", "no-store"),
        ("other.css", StatusCode::NOT_FOUND, "text/plain", "no-store"),
    ] {
        let response = stylesheet(axum::extract::Path(name.to_owned())).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], caching, "{name}");
        let sent = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
        assert_eq!(sent, format!("{kind}; charset=utf-8"), "{name}");
    }
}
