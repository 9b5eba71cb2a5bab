//! The tour at servers that are not Sallyport.

use std::net::TcpListener;

use axum::Router;

use super::*;
use crate::secret::Entropy;

#[test]
fn a_token_is_shown_by_its_prefix_only() {
    assert_eq!(shown(&SecretText::new("sp_at_c2VjcmV0_c2VjcmV0".to_owned())), "sp_at_…");
    assert_eq!(shown(&SecretText::new("c2VjcmV0".to_owned())), "a token");
}

/// Plays the tour at `resource`; gives the story.
async fn told(resource: &str) -> String {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (person, entropy) = (Person::generate("alex", &["person"], &Entropy::system()).unwrap(), Entropy::system());
    let mut out = Vec::new();
    let stage = Stage { resource, person: &person, entropy: &entropy };
    play(&stage, &mut Story::new(&mut out, false)).await.unwrap_err();
    String::from_utf8(out).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_server_without_a_lock_ends_the_tour_at_its_first_step() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let open = Router::new().fallback(async || "come in");
    let serving = tokio::spawn(async { axum::serve(listener, open).await });
    let story = told(&url).await;
    let end = "“Call without a token” failed: POST /mcp was answered 200 OK, not 401 Unauthorized. Sallyport itself stays up.";
    assert!(story.ends_with(end), "{story}");
    serving.abort();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_too() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let story = told(&format!("http://{nobody}/mcp")).await;
    assert!(
        story.contains("✗ The tour ended early: “Call without a token” failed: POST /mcp got no answer"),
        "{story}"
    );
    assert!(!story.contains(" 1 Call"), "a step that failed is not told as if it had happened: {story}");
}
