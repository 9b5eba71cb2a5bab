//! The API does what its description says, whatever is sent: schemathesis makes requests up from it, good ones and bad ones.

use std::{path::Path, process::Stdio};

use sallyport::{
    access::{Action, Page},
    app::routes::{self, Route},
};
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{
    api::{all_rights, token},
    app::{TestApp, TestTenant},
    browser::TestBrowser,
    console::{Things, appoint},
    scratch::Scratch,
};

/// Requests of one kind for each operation.
const EXAMPLES: &str = "40";

/// What tokens of the platform are for.
const OF_PLATFORM: &str = "/tenants(/\\{tenant\\}(/(enable|disable|link))?)?$";

/// The ids of what there is at a tenant.
async fn ids(app: &TestApp, tenant: &TestTenant, query: &'static str) -> String {
    let ids: Vec<String> = sqlx::query_scalar(query).bind(tenant.id.0).fetch_all(&app.db.owner).await.unwrap();
    assert!(!ids.is_empty(), "{query}");
    Value::from(ids).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_no_fault_and_no_answer_that_is_not_described() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &tenant.person).await;
    let (mut seen, mut root) = (String::new(), None);
    for _ in 0..3 {
        let things = Things::of(&app, &tenant, &browser.http).await;
        seen = things.object(Page::Settings, Action::Edit);
        root = Some(things.root);
    }
    let root = root.unwrap();
    let files = Scratch::new();
    let mut config =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/api/schemathesis.toml")).unwrap();
    for (name, query) in [
        ("clients", "select id from client where tenant = $1"),
        ("grants", "select id::text from access_grant where tenant = $1"),
        // Whoever asks does not shut themselves out, but could be made somebody else.
        ("people", "select id::text from person where tenant = $1 and username <> 'ada'"),
        ("servers", "select slug from server where tenant = $1"),
        ("providers", "select slug from identity_provider where tenant = $1"),
        (
            "checkpoints",
            "select epoch || '-' || size || '-' || left(encode(root, 'hex'), 12) from audit_checkpoint where tenant = $1 limit 50",
        ),
        ("tenants", "select slug from tenant where name = 'Elsewhere' and id <> $1"),
        ("events", "select id::text from audit_event where tenant = $1 limit 50"),
    ] {
        config = config.replace(&format!("@{name}@"), &ids(&app, &tenant, query).await);
    }
    let config = config.replace("@settings@", &seen).replace("@tenant@", &Things::tenant_seen());
    let other = "\"path.tenant\" = { dictionary = \"tenants\", probability = 0.8 }";
    let others = files.write("tenants.toml", &config.replace("\"path.tenant\" = \"acme\"", other));
    let config = files.write("schemathesis.toml", &config);
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tools/schemathesis");
    assert!(tools.join("bin/st").exists(), "schemathesis is missing: run scripts/setup.sh schemathesis");
    let own = token(&app, tenant.id, "ada", &all_rights()).await;
    let root = token(&app, root.0, &root.1, &all_rights()).await;
    for (which, token, config) in [("--exclude-path-regex", own, config), ("--include-path-regex", root, others)] {
        let output = Command::new("python3")
            .arg(tools.join("bin/st"))
            .args(["--config-file", config.to_str().unwrap(), "run", &app.url("/api/admin/v1/openapi.json")])
            .args(["--checks", "all", "--mode", "all", "--max-examples", EXAMPLES, "--seed", "20260803"])
            .args(["--continue-on-failure", "--no-shrink", which, OF_PLATFORM])
            .env("PYTHONPATH", &tools)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SALLYPORT_API_TOKEN", token)
            .current_dir(files.path(""))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    // Where everything is refused, nothing is found.
    let metrics = app.app.metrics.encode().unwrap();
    let answered = |route: &Route, status| {
        let (method, path) = (&route.method, route.path);
        let labels = format!("{{method=\"{method}\",route=\"{path}\",status=\"{status}\"}}");
        metrics.contains(&format!("sallyport_http_requests_total{labels}"))
    };
    let routes = routes::public();
    let api = || routes.iter().filter(|route| route.path.starts_with("/api/"));
    let name = |route: &Route| format!("{} {}", route.method, route.path);
    let never: Vec<String> = api().filter(|route| !answered(route, "2xx")).map(name).collect();
    assert!(never.is_empty(), "always refused: {never:?}");
    assert!(api().all(|route| !answered(route, "5xx")), "{metrics}");
}
