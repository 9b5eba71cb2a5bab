//! Properties of the parser over generated messages.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

/// Any JSON value, a few levels deep.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::from_iter(map.into_iter().collect::<Vec<_>>())),
        ]
    })
}

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::from), any::<u64>().prop_map(Value::from), ".{0,40}".prop_map(Value::from)]
}

/// A name that may be sent: not empty, no control characters.
fn name() -> impl Strategy<Value = String> {
    "\\PC{1,30}".prop_filter("control characters", |name| !name.chars().any(char::is_control))
}

fn wrapped(name: &str) -> String {
    format!("=?base64?{}?=", STANDARD.encode(name))
}

/// A method with one mirrored parameter.
fn named_method() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("tools/call", "name"),
        ("prompts/get", "name"),
        ("resources/read", "uri"),
        ("tasks/get", "taskId"),
    ])
}

proptest! {
    #[test]
    fn a_valid_call_comes_out_as_it_went_in(
        (method, key) in named_method(), name in name(), id in id(), arguments in json_value(), modern: bool,
    ) {
        let mut body = modern_body(method, json!({ key: name, "arguments": arguments }));
        body["id"] = id.clone();
        let headers = if modern {
            modern_headers(method, Some(&wrapped(&name)))
        } else {
            body["params"].as_object_mut().unwrap().remove("_meta");
            headers(&[("mcp-protocol-version", "2025-11-25")])
        };
        let call = parsed(&headers, &body).unwrap();
        prop_assert_eq!(call.era() == Era::Modern, modern);
        prop_assert_eq!(call.method().map(Method::as_str), Some(method));
        prop_assert_eq!(call.name(), Some(name.as_str()));
        prop_assert_eq!(call.id().map(Value::from), Some(id));
        prop_assert_eq!(call.bytes(), &bytes(&body));
    }

    #[test]
    fn a_header_that_differs_from_the_body_is_a_mismatch(
        (method, key) in named_method(), name in name(), other in name(), elsewhere in named_method(),
    ) {
        let body = modern_body(method, json!({ key: name }));
        if other != name {
            let headers = modern_headers(method, Some(&wrapped(&other)));
            prop_assert_eq!(refused(&headers, &body), (400, code::HEADER_MISMATCH));
        }
        if elsewhere.0 != method {
            let headers = modern_headers(elsewhere.0, Some(&wrapped(&name)));
            prop_assert_eq!(refused(&headers, &body), (400, code::HEADER_MISMATCH));
        }
    }

    #[test]
    fn a_duplicate_key_is_refused_wherever_it_stands(
        path in prop::collection::vec(prop_oneof![Just("["), Just("{")], 0..12), key in any::<String>(), escaped: bool,
        first in json_value(), second in json_value(),
    ) {
        let plain = serde_json::to_string(&key).unwrap();
        let again = if escaped {
            format!("\"{}\"", key.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>())
        } else {
            plain.clone()
        };
        let mut value = format!("{{{plain}:{first},{again}:{second}}}");
        for kind in path {
            value = if kind == "[" { format!("[0,{value}]") } else { format!("{{\"k\":{value}}}") };
        }
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{value}}}}}"#);
        let reject = parse(&headers(&[]), Bytes::from(body), &Limits::default()).unwrap_err();
        prop_assert_eq!(reject.code, code::INVALID_REQUEST);
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused(limit in 3..Limits::DEEPEST, kinds in prop::collection::vec(any::<bool>(), 1..200)) {
        let mut value = "0".to_owned();
        for list in &kinds {
            value = if *list { format!("[{value}]") } else { format!("{{\"k\":{value}}}") };
        }
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{value}}}}}"#);
        let limits = Limits { depth: limit, ..Limits::default() };
        let outcome = parse(&headers(&[]), Bytes::from(body), &limits);
        prop_assert_eq!(outcome.is_ok(), kinds.len() + 2 <= limit);
    }

    #[test]
    fn the_wrapping_is_undone(name: String) {
        prop_assert_eq!(super::super::headers::decoded(&wrapped(&name)), Some(name));
    }

    #[test]
    fn nothing_panics(
        body in prop::collection::vec(any::<u8>(), 0..200), near in json_value(),
        version in prop::option::of("[ -~]{0,12}"), method in prop::option::of("[ -~]{0,20}"), name in prop::option::of("[ -~]{0,20}"),
    ) {
        let more: Vec<_> = [("mcp-protocol-version", version), ("mcp-method", method), ("mcp-name", name)]
            .into_iter().filter_map(|(header, value)| Some((header, value?))).collect();
        let more: Vec<_> = more.iter().map(|(header, value)| (*header, value.as_str())).collect();
        let headers = headers(&more);
        let _ = parse(&headers, Bytes::from(body), &Limits::default());
        let _ = parsed(&headers, &near);
        for member in ["id", "method", "params", "result", "error", "jsonrpc"] {
            let mut message = modern_body("tools/call", json!({ "name": "a" }));
            message[member] = near.clone();
            if let Err(reject) = parsed(&headers, &message) {
                prop_assert!(reject.status.is_client_error() || reject.status == StatusCode::OK);
                prop_assert!(reject.body()["error"]["code"].is_i64());
            }
        }
    }
}
