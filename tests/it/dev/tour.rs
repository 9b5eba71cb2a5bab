//! The first-run tour, played by the built binary.

use sallyport::dev::postgres::{DbRole, Durability, PrivatePostgres};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::harness::{dev::Dev, scratch::Scratch};

const STEPS: [&str; 11] = [
    "Call without a token",
    "Discover",
    "Register",
    "Ask for access",
    "Log in",
    "Consent",
    "Exchange the code",
    "List the tools",
    "Call whoami",
    "Revoke",
    "Call once more",
];

/// Whether a handle stands in the text with more than its prefix.
fn shows_a_handle(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(|c| !plain(c)).any(|word| word.starts_with("sp_") && word.len() > "sp_at_".len())
}

#[tokio::test]
async fn the_tour_goes_through_both_doors() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let dev = Dev::start(&data_dir, &[]);
    let story = dev.story.clone();
    let ready = dev.ready();
    let ended = dev.stop();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{ended:?}");

    let mut rest = story.as_str();
    for (number, step) in (1..).zip(STEPS) {
        let line = format!("{number:>4}  {step}  ");
        rest = rest.split_once(&line).unwrap_or_else(|| panic!("{number} is not {step}: {story}")).1;
        assert!(rest.lines().next().unwrap().ends_with("s"), "it took some time: {rest}");
    }
    assert!(rest.contains("✓ 11 steps in "), "{story}");
    for fact in [
        format!("aud    {}", ready["upstream"].as_str().unwrap()),
        "scope  mcp:read mcp:write".to_owned(),
        "lives  60 seconds".to_owned(),
        "shows sp_at_… at the outer door".to_owned(),
        "gets 401 invalid_token".to_owned(),
    ] {
        assert!(story.contains(&fact), "{fact}: {story}");
    }
    assert!(!shows_a_handle(&story) && shows_a_handle("(sp_at_c2VjcmV0)"), "{story}");
    assert!(!story.contains('\u{1b}'), "no colour but on a terminal");
    assert!(story.lines().all(|line| line.chars().count() <= 100 || line.contains("/scratch-")), "{story}");

    // It cleaned up after itself.
    let postgres = PrivatePostgres::start(&data_dir, Durability::None).await.unwrap();
    let mut superuser = postgres.connect_options(DbRole::Superuser, sallyport::dev::DATABASE).connect().await.unwrap();
    let left = "select (select count(*) from client where status <> 'removed') \
                     + (select count(*) from access_grant where revoked_at is null)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut superuser).await.unwrap();
    assert_eq!(left, 0);
    // All that the upstream offers was accepted.
    let accepted = "select string_agg(name, ', ' order by name) from catalogue_item where kind = 'tool'";
    let accepted: String = sqlx::query_scalar(accepted).fetch_one(&mut superuser).await.unwrap();
    assert!(story.contains(&format!("finds {accepted}\n")), "{accepted}");
    superuser.close().await.unwrap();
    postgres.stop().await.unwrap();
}
