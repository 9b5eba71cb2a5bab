//! The pages: drawn with samples, read as a browser reads them, and left in the target directory to be looked at.

mod samples;
mod style;
pub(super) mod tags;

use axum::body::to_bytes;
use axum::http::StatusCode;
use sallyport::http::pages::{self, LoginPage, script_path, stylesheet_path};

use samples::{Sample, all, consent};
use tags::{Tag, tags};

/// Renders a view the way a handler does, with its response headers.
async fn body(page: impl askama::Template) -> String {
    let response = pages::html(StatusCode::OK, page);
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

fn named<'a>(tags: &'a [Tag], name: &str) -> Vec<&'a Tag> {
    tags.iter().filter(|tag| tag.name == name).collect()
}

#[test]
fn samples_are_written_to_be_looked_at() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(folder.join("static")).unwrap();
    std::fs::write(folder.join(&stylesheet_path()[1..]), style::CSS).unwrap();
    for Sample { name, html } in all() {
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
}

#[test]
fn every_page_is_whole_plain_html() {
    for Sample { name, html } in all() {
        let tags = tags(&html);
        assert!(html.starts_with("<!doctype html>"), "{name}");
        assert_eq!(named(&tags, "html")[0].get("lang"), Some("en"), "{name}");
        assert!(tags.iter().any(|tag| tag.name == "main"), "{name}");
        assert!(tags.iter().any(|tag| tag.get("name") == Some("viewport")), "{name}");
        assert!(!html.contains("{{") && !html.contains("{%"), "{name}: an expression was left in");
        let styles: Vec<_> = tags.iter().filter(|tag| tag.get("rel") == Some("stylesheet")).collect();
        assert_eq!(styles.len(), 1, "{name}");
        assert_eq!(styles[0].get("href"), Some(stylesheet_path()), "{name}");
    }
}

#[test]
fn no_page_has_script_or_inline_style() {
    for Sample { name, html } in all() {
        // Passkeys need one, which is a file of ours and says what it wants in an attribute.
        let asks = html.contains(" data-options=\"");
        let own = |tag: &Tag| tag.name == "script" && asks && tag.get("src") == Some(script_path());
        let found = tags(&html);
        assert_eq!(found.iter().filter(|tag| own(tag)).count(), usize::from(asks), "{name}");
        for tag in found.into_iter().filter(|tag| !own(tag)) {
            assert!(
                !["script", "style", "iframe", "img", "object", "base"].contains(&tag.name.as_str()),
                "{name}: <{}>",
                tag.name
            );
            for (attribute, value) in &tag.attributes {
                assert!(!attribute.starts_with("on") && attribute != "style", "{name}: {attribute}");
                assert!(!value.trim_start().to_lowercase().starts_with("javascript:"), "{name}: {value}");
            }
        }
    }
}

#[test]
fn headings_start_at_one_and_skip_no_level() {
    for Sample { name, html } in all() {
        let levels: Vec<u8> = tags(&html)
            .iter()
            .filter_map(|tag| tag.name.strip_prefix('h').and_then(|level| level.parse().ok()))
            .collect();
        assert_eq!(levels.first(), Some(&1), "{name}");
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{name}");
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name}: {levels:?}");
    }
}

#[test]
fn every_field_has_its_label_and_every_reference_its_target() {
    for Sample { name, html } in all() {
        let tags = tags(&html);
        let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.get("id")).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{name}: an id stands twice");
        let labels: Vec<&str> = named(&tags, "label").iter().filter_map(|tag| tag.get("for")).collect();
        for field in tags.iter().filter(|tag| {
            ["input", "select", "textarea"].contains(&tag.name.as_str()) && tag.get("type") != Some("hidden")
        }) {
            let id = field.get("id").unwrap_or_else(|| panic!("{name}: a field without an id"));
            assert!(labels.contains(&id), "{name}: #{id} has no label");
        }
        for tag in &tags {
            for reference in ["for", "form", "aria-labelledby", "aria-describedby"] {
                // Some take a list.
                for target in tag.get(reference).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(&target), "{name}: {reference}={target} leads nowhere");
                }
            }
        }
    }
}

#[test]
fn every_form_posts_a_csrf_token() {
    for Sample { name, html } in all() {
        let tags = tags(&html);
        let forms = named(&tags, "form");
        let tokens =
            tags.iter().filter(|tag| tag.get("name") == Some("csrf") && tag.get("value") == Some("csrf-token"));
        // A search changes nothing, and is in the address.
        let (searches, posts): (Vec<&Tag>, Vec<&Tag>) =
            forms.into_iter().partition(|form| form.get("role") == Some("search"));
        // What stands behind the first link has the link itself, which no other page knows.
        let posts: Vec<&Tag> = posts.into_iter().filter(|form| form.get("action") != Some("/console/first")).collect();
        assert_eq!(tokens.count(), posts.len(), "{name}");
        assert!(posts.iter().all(|form| form.get("method") == Some("post")), "{name}");
        assert!(searches.iter().all(|form| form.get("method") == Some("get")), "{name}");
    }
}

#[tokio::test]
async fn pages_are_sent_with_the_security_headers() {
    let response = pages::html(StatusCode::FORBIDDEN, consent());
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("referrer-policy"), "same-origin");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    assert!(header("permissions-policy").contains("camera=()"));
}

#[tokio::test]
async fn a_page_that_takes_the_script_is_sent_with_the_same_headers_but_one() {
    let without = pages::html(StatusCode::OK, consent()).into_parts().0;
    let with = pages::html_with_script(StatusCode::OK, consent()).into_parts().0;
    assert_eq!(with.status, without.status);
    assert_eq!(with.headers.len(), without.headers.len());
    for (name, value) in &without.headers {
        let policy = name == "content-security-policy";
        assert_eq!(with.headers[name] == value, !policy, "{name}");
    }
    let policy = with.headers["content-security-policy"].to_str().unwrap();
    assert_eq!(policy.replace("script-src 'self'; ", ""), without.headers["content-security-policy"].to_str().unwrap());
    assert!(policy.contains("default-src 'none'; script-src 'self';"), "{policy}");
}

/// It runs where people log in: it stays small, and talks to nobody but the browser.
#[test]
fn the_script_is_short_and_sends_nothing_by_itself() {
    let script = include_str!("../../../static/passkey.js");
    assert!(script.lines().count() <= 60);
    for word in ["fetch", "XMLHttpRequest", "WebSocket", "eval", "innerHTML", "import", "localStorage", "http"] {
        assert!(!script.contains(word), "{word}");
    }
}

#[tokio::test]
async fn login_keeps_to_its_form_contract() {
    let html = body(samples::login()).await;
    let tags = tags(&html);
    let field = |name: &str| *named(&tags, "input").iter().find(|tag| tag.get("name") == Some(name)).unwrap();
    assert_eq!(field("username").get("autocomplete"), Some("username"));
    assert_eq!(field("username").get("value"), Some("dana"));
    assert_eq!(field("password").get("type"), Some("password"));
    assert_eq!(field("password").get("autocomplete"), Some("current-password"));
    assert_eq!(field("password").get("value"), None);
    assert_eq!(field("interaction").get("value"), Some("interaction-handle"));
    assert!(
        field("password").get("autofocus").is_some(),
        "the username is known, so the cursor is in the password field"
    );
}

#[tokio::test]
async fn login_on_ones_own_has_no_interaction_and_no_asker() {
    let html = body(LoginPage { interaction: None, asking: None, ..samples::login() }).await;
    assert!(!html.contains("interaction") && !html.contains("asks to use"));
}

#[tokio::test]
async fn a_failed_login_says_so_beside_its_fields() {
    let html = body(samples::login_failed()).await;
    let tags = tags(&html);
    assert!(html.contains("<title>Not logged in"));
    assert_eq!(tags.iter().filter(|tag| tag.get("aria-describedby") == Some("error")).count(), 2);
}

#[tokio::test]
async fn consent_keeps_to_its_form_contract() {
    let html = body(consent()).await;
    let tags = tags(&html);
    let decisions: Vec<_> =
        tags.iter().filter(|tag| tag.get("name") == Some("decision")).map(|tag| tag.get("value")).collect();
    assert_eq!(decisions, [Some("deny"), Some("approve")], "the first button is the one that Enter presses");
    let scopes: Vec<_> = tags
        .iter()
        .filter(|tag| tag.get("name") == Some("scope"))
        .map(|tag| (tag.get("type"), tag.get("value"), tag.get("checked").is_some()))
        .collect();
    assert_eq!(scopes, [(Some("checkbox"), Some("mcp:read"), true), (Some("checkbox"), Some("mcp:write"), true)]);
    let switch = tags.iter().find(|tag| tag.name == "button" && tag.get("form").is_some()).unwrap();
    assert_eq!(switch.get("form"), Some("switch"));
    assert_eq!(switch.get("name"), None);
}

#[tokio::test]
async fn approve_is_bright_only_when_nothing_warns() {
    let bright = async |page| {
        let html = body(page).await;
        let approve = tags(&html).into_iter().find(|tag| tag.get("value") == Some("approve")).unwrap();
        approve.get("class").is_some_and(|class| class.contains("primary"))
    };
    assert!(bright(samples::verified()).await);
    for warning in [
        samples::with(samples::verified(), |page| page.client.verified = false),
        samples::with(samples::verified(), |page| page.changed = vec!["It has a new name.".into()]),
        samples::with(samples::verified(), |page| page.return_to = pages::ReturnTo::ThisComputer("localhost:1".into())),
        samples::with(samples::verified(), |page| page.return_to = pages::ReturnTo::Program("cursor://".into())),
    ] {
        assert!(!bright(warning).await);
    }
}

#[tokio::test]
async fn consent_says_who_asks_and_where_the_answer_goes() {
    let html = body(consent()).await;
    for words in
        ["Not verified", "localhost:33418", "a program on this computer", "Team notes", "Dana Ruiz", "at most 30 days"]
    {
        assert!(html.contains(words), "{words}");
    }
    let html = body(samples::verified()).await;
    assert!(!html.contains("Not verified") && !html.contains("a program on this computer"));
}

#[tokio::test]
async fn a_group_without_scopes_is_left_out() {
    let html = body(samples::with(consent(), |page| page.read.clear())).await;
    assert_eq!(named(&tags(&html), "fieldset").len(), 1);
    let html = body(samples::with(consent(), |page| {
        page.read.clear();
        page.change.clear();
    }))
    .await;
    assert!(html.contains("no permission") && named(&tags(&html), "fieldset").is_empty());
}

#[tokio::test]
async fn a_change_voids_the_short_form() {
    let short = samples::with(consent(), |page| page.allowed_before = true);
    assert!(body(short).await.contains("You allowed this before"));
    let changed = samples::with(consent(), |page| {
        page.allowed_before = true;
        page.changed = vec!["It has a new name.".into()];
    });
    let html = body(changed).await;
    assert!(html.contains("It has a new name.") && !html.contains("nothing has changed"));
}

#[tokio::test]
async fn a_client_cannot_write_html_or_turn_the_text_round() {
    let name = "</title><script>alert(1)</script>\u{202e}\u{200b}\n\"x";
    let html = body(samples::with(consent(), |page| page.client.name = name.into())).await;
    assert!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\u{200b}'));
    assert!(html.contains("alert(1)"), "it is shown, as text");
    assert_eq!(tags(&html).len(), tags(&body(consent()).await).len());
}

#[tokio::test]
async fn a_client_without_a_visible_name_is_called_that() {
    let html = body(samples::with(consent(), |page| page.client.name = "\u{200b}\u{3164}".into())).await;
    assert!(html.contains("A client without a name"));
}
