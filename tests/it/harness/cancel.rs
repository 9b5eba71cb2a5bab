//! Work that is dropped half-way, as a server does it with the request of a client that hangs up.

use std::{
    future::{Future, poll_fn},
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    task::Poll,
};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use reqwest::RequestBuilder;
use sallyport::app::routes;
use tower::ServiceExt as _;

use super::app::TestApp;

/// Drives `work` and drops it once it has been asked `polls` times without being done.
///
/// It is asked again whenever something that it waited for has come, so with every number from one upwards it is dropped at
/// every place where it waits.
pub(crate) async fn cut_after<F: Future>(polls: usize, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut asked = 0;
    poll_fn(|context| {
        asked += 1;
        match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if asked >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Makes a try with one poll, two, three and so on, which says whether it was done or dropped, until `whole` one after the
/// other were done. Where the machine is busy, what work waits for is there before it asks, so that it waits in few places
/// or in none: then it all begins again, until `cut` were dropped. Gives how many were dropped and done.
pub(crate) async fn cut_everywhere(
    cut: usize,
    whole: usize,
    mut one_try: impl AsyncFnMut(usize) -> bool,
) -> (usize, usize) {
    let (mut dropped, mut done) = (0, 0);
    for _ in 0..100 {
        let mut in_a_row = 0;
        for polls in 1.. {
            if one_try(polls).await {
                done += 1;
                in_a_row += 1;
            } else {
                dropped += 1;
                in_a_row = 0;
            }
            if in_a_row == whole {
                break;
            }
        }
        if dropped >= cut {
            return (dropped, done);
        }
    }
    panic!("it was cut off in {dropped} places")
}

/// The public router without a connection in front of it.
pub(crate) struct Direct(Router);

impl Direct {
    pub(crate) fn of(app: &TestApp) -> Self {
        Self(routes::router(app.app.clone()))
    }

    /// The request's answer, or nothing where it was dropped before.
    pub(crate) async fn cut_after(&self, polls: usize, request: RequestBuilder) -> Option<Response> {
        let router = self.0.clone();
        cut_after(polls, router.oneshot(parts(request))).await.map(|answer| answer.unwrap())
    }
}

/// The request as it comes out of a connection from this computer.
fn parts(request: RequestBuilder) -> http::Request<Body> {
    let request = request.build().unwrap();
    let url = request.url().clone();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut parts = http::Request::builder().method(request.method()).uri(target);
    parts = parts.header("host", &url[url::Position::BeforeHost..url::Position::AfterPort]);
    for (name, value) in request.headers() {
        parts = parts.header(name, value);
    }
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec();
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
    parts.extension(ConnectInfo(peer)).body(Body::from(body)).unwrap()
}
