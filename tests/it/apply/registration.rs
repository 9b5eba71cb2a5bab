//! Settings of registration in the file.

use sallyport::tenants::RegistrationRule;

use super::{Bench, read};
use crate::harness::scratch::Scratch;

const KEY: &str = "{ kty = \"OKP\", crv = \"Ed25519\", x = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\" }";

fn file(settings: &str) -> String {
    format!("[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n[tenant.settings]\n{settings}\n")
}

fn trust(issuer: &str, key: &str) -> String {
    format!("{{ issuer = \"{issuer}\", jwks = {{ keys = [{key}] }} }}")
}

#[test]
fn what_does_not_fit_together_is_a_mistake() {
    let vendor = trust("https://vendor.example", KEY);
    let private = KEY.replace(" }", ", d = \"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\" }");
    for (settings, said) in [
        ("registration = \"anybody\"".to_owned(), "settings: unknown variant `anybody`"),
        ("registration = \"software_statement\"".to_owned(), "software_statements must say whom to trust"),
        ("max_registered_clients = 0".to_owned(), "must be between 1 and 1000000"),
        ("max_registered_clients = 1000001".to_owned(), "must be between 1 and 1000000"),
        ("max_registered_clients = -1".to_owned(), "settings: "),
        ("unused_client_days = 0".to_owned(), "must be between 1 and 3650"),
        ("unused_client_days = 3651".to_owned(), "must be between 1 and 3650"),
        (format!("software_statements = [{vendor}, {vendor}]"), "names \"https://vendor.example\" twice"),
        (format!("software_statements = [{}]", trust("vendor", KEY)), "must be an http or https address"),
        (
            format!("software_statements = [{}]", trust("https://vendor.example", &private)),
            "holds a private or symmetric key",
        ),
        (format!("software_statements = [{}]", trust("https://vendor.example", "")), "has no key for signatures"),
        ("software_statements = [{ issuer = \"https://vendor.example\" }]".to_owned(), "missing field `jwks`"),
    ] {
        let mistakes = read(&file(&settings), &Scratch::new().path("")).unwrap_err().problems;
        let messages: Vec<String> = mistakes.iter().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].contains(said), "{settings}: {messages:?}");
    }
}

#[tokio::test]
async fn trust_is_applied_once_and_read_as_requests_read_it() {
    let bench = Bench::new().await;
    let text = file(&format!(
        "registration = \"software_statement\"\nsoftware_statements = [{}]\nmax_registered_clients = 50\nunused_client_days = 7",
        trust("https://vendor.example", KEY)
    ));
    bench.apply(&text).await;
    assert!(bench.apply(&text).await.is_empty());
    let document = bench.read(&text).unwrap();
    let settings = &document.tenants[0].settings;
    assert_eq!(settings.registration, RegistrationRule::SoftwareStatement);
    assert_eq!((settings.most_clients(), settings.unused_clients_kept()), (50, time::Duration::WEEK));
    let stored: sallyport::tenants::Settings = serde_json::from_value(bench.tenant("acme").await.settings).unwrap();
    assert_eq!(stored, *settings);
}
