//! The document that describes the API.

use std::collections::BTreeSet;

use sallyport::{api, app::routes};
use serde_json::Value;

use crate::harness::app::TestApp;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Where a document is put that is another.
const MADE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

fn committed() -> Value {
    serde_json::from_slice(&std::fs::read(COMMITTED).unwrap()).unwrap()
}

/// Whoever changes a handler sees in docs/openapi.json what becomes different for programs.
#[test]
fn it_is_what_is_committed() {
    let made = api::document().to_pretty_json().unwrap() + "\n";
    let there = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    if made != there {
        std::fs::write(MADE, &made).unwrap();
    }
    assert!(
        made == there,
        "docs/openapi.json is another: see what is different, and if it is meant, cp {MADE} docs/openapi.json"
    );
}

#[tokio::test]
async fn it_is_what_is_served_to_anybody() {
    let app = TestApp::start().await;
    let answer = app.http().get(app.url("/api/admin/v1/openapi.json")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.json::<Value>().await.unwrap() == committed(), "another one is served");
}

#[test]
fn every_route_of_the_api_is_in_it_and_nothing_else() {
    let routes = routes::public();
    let routes = routes.iter().filter(|route| route.path.starts_with("/api/"));
    let served: BTreeSet<_> = routes.map(|route| format!("{} {}", route.method, route.path)).collect();
    let document = committed();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| METHODS.contains(&key.as_str())) {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert!(served.len() > 25, "{served:?}");
    assert_eq!(described, served);
}

/// As far as programs rely on it: what else there is to say of the form, schemathesis says.
#[test]
fn it_is_whole() {
    let document = committed();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{what}");
            let names: Vec<_> =
                operation["parameters"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
            for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
                assert!(names.contains(&&Value::from(name)), "{what}: {name}");
            }
            if path.contains("{tenant}") {
                assert!(operation["description"].as_str().unwrap().contains("Needs the right `"), "{what}");
                assert_eq!(operation["security"], serde_json::json!([{ "token": [] }]), "{what}");
                for status in ["401", "403", "404", "503"] {
                    let problem =
                        &operation["responses"][status]["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(problem, "#/components/schemas/Problem", "{what}");
                }
            }
        }
    }
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is nowhere");
    }
}
