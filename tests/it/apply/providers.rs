//! Identity providers in a file.

use super::Bench;

fn file(issuer: &str, more: &str) -> String {
    let tenant = "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n";
    format!(
        "{tenant}[[tenant.provider]]\nslug = \"idp\"\nname = \"IdP\"\nissuer = \"{issuer}\"\nclient_id = \"sallyport\"\n{more}"
    )
}

const ISSUER: &str = "https://idp.example/realms/a";
const SECRET: &str = "client_secret = { file = \"idp.secret\" }\n";

#[tokio::test]
async fn a_provider_is_made_and_changed_and_its_secret_never_shown() {
    let bench = Bench::new().await;
    bench.scratch.write("idp.secret", "umbrella stand\n");
    let plan = bench.apply(&file(ISSUER, SECRET)).await;
    assert_eq!(plan.summary(), "2 to create; 0 stay as they are");
    assert!(bench.apply(&file(ISSUER, SECRET)).await.is_empty());
    assert!(bench.apply(&file(ISSUER, "")).await.is_empty(), "the secret stays");
    bench.scratch.write("idp.secret", "hat stand\n");
    let plan = format!("{:?}", bench.apply(&file(ISSUER, SECRET)).await);
    assert!(plan.contains("client_secret") && plan.contains("changed"), "{plan}");
    assert!(!plan.contains("umbrella") && !plan.contains("hat stand"), "{plan}");
    let plan = bench.apply(&file(ISSUER, "[tenant.provider.settings]\naccounts = \"create\"\n")).await;
    assert!(format!("{plan:?}").contains("settings.accounts"));
}

#[tokio::test]
async fn a_provider_never_gets_another_issuer() {
    let bench = Bench::new().await;
    bench.apply(&file(ISSUER, "")).await;
    let other = bench.apply_pruning(&file("https://idp.example/realms/b", ""), sallyport::apply::Prune::Nothing).await;
    assert!(format!("{:?}", other.err().unwrap()).contains("choose another slug"));
}
