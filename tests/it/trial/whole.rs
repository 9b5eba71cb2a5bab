//! The whole way through our own installation, with a person at the browser.

use serde_json::Value;

use super::{Tried, tried};
use crate::harness::{
    dev::Dev,
    flow::{hidden, location},
    scratch::Scratch,
    web::client_with,
};

/// Logs in, approves what the page asks for, and is sent back to the terminal.
async fn approve(issuer: &str, person: &Value, line: &str) {
    let http = client_with(|builder| builder.cookie_store(true));
    let origin = issuer.split("/t/").next().unwrap().to_owned();
    let at = |place: String| if place.starts_with('/') { format!("{origin}{place}") } else { place };
    let mut response = http.get(line).send().await.unwrap();
    loop {
        while response.status() == 303 {
            let next = at(location(&response));
            response = http.get(&next).send().await.unwrap();
            if !next.starts_with(&origin) {
                assert!(response.text().await.unwrap().contains("You can go back to the terminal"));
                return;
            }
        }
        let path = response.url().path().to_owned();
        let html = response.text().await.unwrap();
        let (csrf, interaction) = (hidden(&html, "csrf"), hidden(&html, "interaction"));
        let mut form = vec![("csrf", csrf.as_str()), ("interaction", interaction.as_str())];
        let action = if path.ends_with("/login") {
            form.extend([("username", person["username"].as_str().unwrap())]);
            form.extend([("password", person["password"].as_str().unwrap())]);
            "login"
        } else {
            form.push(("decision", "approve"));
            for scope in
                ["mcp:read", "mcp:write"].into_iter().filter(|scope| html.contains(&format!("value=\"{scope}\"")))
            {
                form.push(("scope", scope));
            }
            "consent"
        };
        let request = http.post(format!("{issuer}/{action}")).header("origin", &origin).form(&form);
        response = request.send().await.unwrap();
    }
}

async fn through(dev: &Dev, more: &[&str]) -> Tried {
    let ready = dev.ready();
    let (issuer, resource) = (ready["issuer"].as_str().unwrap(), ready["resource"].as_str().unwrap());
    let args = [&[resource, "--no-browser"], more].concat();
    tried(&args, async |line| approve(issuer, &ready["people"][0], line).await).await
}

fn shows_a_handle(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let secret = ["sp_at_", "sp_rt_", "sp_ac_", "sp_rat_", "sp_ra_"];
    text.split(|c| !plain(c)).any(|word| secret.iter().any(|kind| word.starts_with(kind) && word.len() > kind.len()))
}

#[tokio::test]
async fn our_own_server_is_sound_in_both_eras() {
    let scratch = Scratch::new();
    let dev = Dev::start(&scratch.path("data"), &["--no-tour"]);
    for era in ["modern", "legacy", "both"] {
        let tried = through(&dev, &["--json", "--era", era, "--call", "whoami"]).await;
        assert_eq!((tried.code, tried.codes()), (0, vec![]), "{era}: {} {}", tried.out, tried.err);
        let tools = if era == "modern" { "Tools, 2026-07-28" } else { "Tools, initialize" };
        assert!(tried.got(tools).contains("whoami"), "{}", tried.out);
        assert!(tried.got("Revoke").contains("refused from now on"), "{}", tried.out);
        assert_eq!(tried.got("Deregister"), "204, the registration is gone");
        assert_eq!(tried.got("Garbage token"), "401 invalid_token");
        assert!(!shows_a_handle(&tried.out) && !shows_a_handle(&tried.err), "{} {}", tried.out, tried.err);
    }

    let told = through(&dev, &["--call", "note_add", "--args", "{\"text\": \"tried\"}"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.ends_with("It works. 0 problems, 0 remarks.\n"), "{}", told.out);
    assert!(!shows_a_handle(&told.out), "{}", told.out);

    // Asked for less than the tool needs.
    let step_up = through(
        &dev,
        &["--json", "--scope", "mcp:read", "--call", "note_add", "--args", "{\"text\": \"x\"}", "--step-up"],
    )
    .await;
    assert_eq!((step_up.code, step_up.codes()), (0, vec!["forbidden".to_owned()]), "{}", step_up.out);
    assert_eq!(step_up.err.matches("/authorize?").count(), 2, "{}", step_up.err);

    // A slash too many is another resource.
    let ready = dev.ready();
    let slash = format!("{}/", ready["resource"].as_str().unwrap());
    let tried = tried(&[&slash, "--json", "--no-browser", "--wait", "1"], async |_| {}).await;
    assert_ne!(tried.code, 0, "{}", tried.out);
}
