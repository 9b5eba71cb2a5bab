//! Upstreams that HTTP libraries would not play: what they say is written by hand.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::world::{BOTH, LEGACY, Token, World};
use crate::harness::app::TestServer;

/// A server whose upstream says what the test says, to each request on a connection of its own.
async fn rude(world: &World) -> (TestServer, Token, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (send, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = vec![0; 64 * 1024];
            let length = stream.read(&mut seen).await.unwrap();
            assert!(length > 0);
            send.send(stream).await.unwrap();
        }
    });
    let server = world.app.server(world.tenant.id, "acme", "rude", &url).await;
    let token = world.token_for(&world.tenant, &server, &BOTH).await;
    (server, token, asked)
}

#[tokio::test]
async fn an_upstream_does_not_take_the_clients_connection_over() {
    let world = World::start().await;
    let (server, token, mut asked) = rude(&world).await;
    for status in ["101 Switching Protocols", "999 Whatever"] {
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let request = world.post(&body).bearer_auth(&token.text).header("mcp-protocol-version", LEGACY);
        let mut request = request.build().unwrap();
        *request.url_mut() = server.resource.parse().unwrap();
        let http = world.http.clone();
        let call = tokio::spawn(async move { http.execute(request).await.unwrap().status().as_u16() });
        let mut stream = asked.recv().await.unwrap();
        let answer = format!("HTTP/1.1 {status}\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(call.await.unwrap(), 502, "{status}");
    }
}

/// What a call comes to whose upstream's answer begins with this status, and breaks into two.
async fn halves(status: &str, between: impl AsyncFnOnce(&World, &Token, TcpStream)) -> (u16, String) {
    let world = World::start().await;
    let (server, token, mut asked) = rude(&world).await;
    let mut request = world.call(&token).build().unwrap();
    *request.url_mut() = server.resource.parse().unwrap();
    let http = world.http.clone();
    let call = tokio::spawn(async move { http.execute(request).await.unwrap() });
    let mut stream = asked.recv().await.unwrap();
    let half = r#"{"jsonrpc":"2.0","id":1,"resul"#;
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json");
    stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{half}", half.len() + 9).as_bytes()).await.unwrap();
    between(&world, &token, stream).await;
    let answer = call.await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_revocation_cuts_a_call_whose_small_answer_is_still_arriving() {
    for status in ["200 OK", "400 Bad Request"] {
        let cut = halves(status, async |world, token, mut stream| {
            world.revoke(token.family).await;
            stream.write_all(br#"t":"done"}"#).await.ok();
        });
        assert_eq!(cut.await.0, 401, "{status}");
    }
}

#[tokio::test]
async fn of_a_small_answer_that_breaks_off_nothing_passes() {
    let (status, text) = halves("200 OK", async |_, _, stream| drop(stream)).await;
    assert_eq!(status, 502);
    assert!(text.contains("may have been executed") && !text.contains("resul\""), "{text}");
}
