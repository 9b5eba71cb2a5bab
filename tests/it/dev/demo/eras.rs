//! What the demo does for those who may.

use serde_json::{Value, json};

use super::{
    World,
    upstream::{LEGACY, MODERN, messages},
};

/// Names and annotations of the tools: what an administrator sees as a proposal for the catalogue.
fn annotations(list: &Value) -> Vec<(String, bool, bool)> {
    // Validators in clients do not know these formats.
    assert!(!list.to_string().contains("\"uint"), "{list}");
    let tools = list["tools"].as_array().unwrap();
    let mut found: Vec<_> = tools
        .iter()
        .map(|tool| {
            let hint = |name: &str| tool["annotations"][name].as_bool().unwrap();
            assert!(tool["description"].as_str().unwrap().len() > 30, "{tool}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
            (tool["name"].as_str().unwrap().to_owned(), hint("readOnlyHint"), hint("destructiveHint"))
        })
        .collect();
    found.sort();
    found
}

fn expected_annotations() -> Vec<(String, bool, bool)> {
    let tool = |name: &str, reads, destroys| (name.to_owned(), reads, destroys);
    vec![
        tool("convert_time", true, false),
        tool("note_add", false, false),
        tool("note_clear", false, true),
        tool("note_list", true, false),
        tool("slow_count", true, false),
        tool("whoami", true, false),
    ]
}

#[tokio::test]
async fn a_legacy_client_gets_a_session() {
    let world = World::start().await;
    let token = world.token("ann");
    let (session, hello) = world.upstream.initialize(&token).await;
    assert_eq!(hello["serverInfo"]["name"], "sallyport-demo");
    assert_eq!(hello["protocolVersion"], LEGACY);

    let list = world.upstream.ask_in_session(&token, &session, "tools/list", json!({})).await;
    assert_eq!(annotations(&list), expected_annotations());

    let call = json!({"name": "whoami", "arguments": {}});
    let answer = world.upstream.ask_in_session(&token, &session, "tools/call", call).await;
    assert_eq!(answer["structuredContent"]["claims"], world.claims("ann"));
    assert_eq!(answer["structuredContent"]["protocol_version"], LEGACY);
    let text: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, answer["structuredContent"]);
}

#[tokio::test]
async fn a_modern_client_needs_no_session() {
    let world = World::start().await;
    let token = world.token("ann");
    let discovered = world.upstream.ask(&token, "server/discover", json!({})).await;
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!(MODERN)), "{discovered}");
    for feature in ["tools", "prompts", "resources"] {
        assert!(discovered["capabilities"][feature].is_object(), "{discovered}");
    }

    let list = world.upstream.ask(&token, "tools/list", json!({})).await;
    assert_eq!(annotations(&list), expected_annotations());

    let response = world.upstream.whoami(&token).await;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("mcp-session-id"));
    let answer = messages(response).await.pop().unwrap()["result"].take();
    assert_eq!(answer["structuredContent"]["claims"], world.claims("ann"));
    assert_eq!(answer["structuredContent"]["protocol_version"], MODERN);
    let names = answer["structuredContent"]["request_headers"].as_array().unwrap();
    assert!(names.contains(&json!("authorization")) && names.contains(&json!("mcp-method")), "{names:?}");
}

#[tokio::test]
async fn a_modern_request_without_its_headers_is_refused() {
    let world = World::start().await;
    let token = world.token("ann");
    let other_name = world.upstream.modern("tools/call", json!({"name": "note_clear"})).header("mcp-name", "whoami");
    let response = other_name.bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(messages(response).await[0]["error"]["code"], -32020);
}

#[tokio::test]
async fn a_session_works_only_with_a_token_of_its_opener() {
    let world = World::start().await;
    let (session, _) = world.upstream.initialize(&world.token("ann")).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let status = async |token: &str| {
        let post =
            world.upstream.in_session(&session, &list).bearer_auth(token).send().await.unwrap().status().as_u16();
        let get = world.upstream.http.get(&world.upstream.url).header("accept", "text/event-stream");
        let get = get.header("mcp-session-id", &session).bearer_auth(token).send().await.unwrap().status().as_u16();
        (post, get)
    };
    assert_eq!(status(&world.token("bob")).await, (404, 404));
    let mut other_client = world.claims("ann");
    other_client["client_id"] = json!("client-2");
    assert_eq!(status(&world.key.token(&world.key.header(), &other_client)).await, (404, 404));
    // A bad token is 401 whatever the session.
    assert_eq!(status("nonsense").await, (401, 401));
    assert_eq!(status(&world.token("ann")).await, (200, 200));
}

#[tokio::test]
async fn a_modern_request_cannot_reach_into_a_session() {
    let world = World::start().await;
    let (session, _) = world.upstream.initialize(&world.token("ann")).await;
    let request = world.upstream.modern("tools/list", json!({})).header("mcp-session-id", session);
    let response = request.bearer_auth(world.token("bob")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(annotations(&messages(response).await[0]["result"]), expected_annotations());
}

#[tokio::test]
async fn notes_belong_to_the_subject() {
    let world = World::start().await;
    let (ann, bob) = (world.token("ann"), world.token("bob"));
    let upstream = &world.upstream;
    let added = upstream.call(&ann, "note_add", json!({"text": "buy milk"})).await;
    assert_eq!(
        added["structuredContent"],
        json!({"number": 1, "text": "buy milk", "written_at": "2026-08-01T12:00:00Z"})
    );
    upstream.call(&bob, "note_add", json!({"text": "buy bread"})).await;

    let notes = upstream.call(&ann, "note_list", json!({})).await["structuredContent"]["notes"].take();
    assert_eq!(notes, json!([added["structuredContent"]]));
    let resource = upstream.ask(&ann, "resources/read", json!({"uri": "note://all"})).await;
    assert_eq!(resource["contents"][0]["text"], "1. buy milk (2026-08-01T12:00:00Z)\n");
    assert_eq!(resource["cacheScope"], "private");
    let prompt =
        upstream.ask(&ann, "prompts/get", json!({"name": "review_notes", "arguments": {"topic": "food"}})).await;
    let prompt = prompt["messages"][0]["content"]["text"].as_str().unwrap().to_owned();
    assert!(prompt.contains("buy milk") && prompt.contains("food") && !prompt.contains("bread"), "{prompt}");

    let cleared = upstream.call(&ann, "note_clear", json!({})).await;
    assert_eq!(cleared["structuredContent"]["deleted"], 1);
    let notes = upstream.call(&bob, "note_list", json!({})).await["structuredContent"]["notes"].take();
    assert_eq!(notes[0]["text"], "buy bread");
}

#[tokio::test]
async fn resources_and_prompts_are_listed() {
    let world = World::start().await;
    let token = world.token("ann");
    let resources = world.upstream.ask(&token, "resources/list", json!({})).await;
    let uris: Vec<_> = resources["resources"].as_array().unwrap().iter().map(|resource| &resource["uri"]).collect();
    assert_eq!(uris, ["sallyport://about", "note://all"]);
    let about = world.upstream.ask(&token, "resources/read", json!({"uri": "sallyport://about"})).await;
    assert!(about["contents"][0]["text"].as_str().unwrap().contains("whoami"));
    let prompts = world.upstream.ask(&token, "prompts/list", json!({})).await;
    assert_eq!(prompts["prompts"][0]["name"], "review_notes");
}

#[tokio::test]
async fn times_are_converted() {
    let world = World::start().await;
    let token = world.token("ann");
    let asked = json!({"time": "2026-07-28T20:30:00+02:00", "utc_offset": "+09:00"});
    let converted = world.upstream.call(&token, "convert_time", asked).await;
    assert_eq!(
        converted["structuredContent"],
        json!({"local": "2026-07-29T03:30:00+09:00", "utc": "2026-07-28T18:30:00Z", "weekday": "Wednesday", "unix_seconds": 1_785_263_400})
    );
    let now = world.upstream.call(&token, "convert_time", json!({})).await;
    assert_eq!(now["structuredContent"]["local"], "2026-08-01T12:00:00Z");
}

#[tokio::test]
async fn what_a_tool_cannot_do_is_said_in_its_result() {
    let world = World::start().await;
    let token = world.token("ann");
    for (tool, arguments) in [
        ("convert_time", json!({"time": "tomorrow"})),
        ("convert_time", json!({"utc_offset": "Paris"})),
        ("convert_time", json!({"time": "9999-12-31T23:59:59Z", "utc_offset": "+09:00"})),
        ("note_add", json!({"text": " "})),
        ("slow_count", json!({"to": 31})),
        ("slow_count", json!({"to": 1, "delay_ms": 2001})),
    ] {
        let answer = world.upstream.call(&token, tool, arguments).await;
        assert_eq!(answer["isError"], true, "{tool}: {answer}");
    }
}

#[tokio::test]
async fn counting_streams_its_progress() {
    let world = World::start().await;
    let arguments = json!({"to": 3, "delay_ms": 10});
    let params = json!({"name": "slow_count", "arguments": arguments, "_meta": {"progressToken": "p"}});
    let response = world.upstream.modern("tools/call", params).bearer_auth(world.token("ann")).send().await.unwrap();
    let messages = messages(response).await;
    let progress: Vec<_> = messages.iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
    assert_eq!(progress, [1.0, 2.0, 3.0]);
    assert_eq!(messages[3]["result"]["structuredContent"]["counted_to"], 3);
}

#[tokio::test]
async fn a_cancelled_call_ends_its_stream_without_a_result() {
    let world = World::start().await;
    let token = world.token("ann");
    let (session, _) = world.upstream.initialize(&token).await;
    // It would take a minute, which is longer than the client waits.
    let count = json!({"name": "slow_count", "arguments": {"to": 30, "delay_ms": 2000}});
    let count = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": count});
    let stream = world.upstream.in_session(&session, &count).bearer_auth(&token).send().await.unwrap();
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    let answer = world.upstream.in_session(&session, &cancel).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert!(!stream.text().await.unwrap().contains("result"));
}

#[tokio::test]
async fn stopping_ends_open_streams() {
    let world = World::start().await;
    let token = world.token("ann");
    let (session, _) = world.upstream.initialize(&token).await;
    let get = world.upstream.http.get(&world.upstream.url).header("accept", "text/event-stream");
    let stream = get.header("mcp-session-id", session).bearer_auth(token).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    world.upstream.stop().await;
    // The stream is over, and it ended as streams end, not by a broken connection.
    assert!(stream.text().await.is_ok());
}
