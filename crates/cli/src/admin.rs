//! The admin port of the roles that have none of their own: is it alive, is it ready, what has it counted.
//!
//! In: a [`Page`] that is asked at each request. Out: `/livez`, `/readyz`, `/metrics`, `/version`. Read-only and unauthenticated, so by default on
//! loopback.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// Requests of monitors are short and rare.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// After the kernel refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a role says of itself.
pub(crate) trait Page: Send + Sync + 'static {
    /// `Err` where the process had better be started anew.
    fn alive(&self) -> Result<(), String>;
    /// One line per check; whether all are well.
    fn ready(&self) -> (bool, String);
    /// In Prometheus' text format.
    fn metrics(&self) -> String;
}

/// Binds the port; serving begins when the returned future is polled.
pub(crate) async fn serve(
    address: SocketAddr,
    page: Arc<dyn Page>,
) -> anyhow::Result<impl Future<Output = ()>> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (the admin port)"))?;
    Ok(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let page = Arc::clone(&page);
            let service = service_fn(move |request| {
                let answer = answer(&*page, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            // A monitor that hangs up is its own affair.
            tokio::spawn(async move { drop(connection.await) });
        }
    })
}

fn answer<B>(page: &dyn Page, request: &Request<B>) -> Response<Full<Bytes>> {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
    }
    match request.uri().path() {
        // People type the old name.
        "/livez" | "/healthz" => match page.alive() {
            Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
            Err(why) => text(unavailable, why + "\n"),
        },
        "/readyz" => {
            let (is_ready, lines) = page.ready();
            let end = if is_ready { "ready\n" } else { "not ready\n" };
            text(if is_ready { StatusCode::OK } else { unavailable }, lines + end)
        }
        "/metrics" => text(StatusCode::OK, page.metrics()),
        "/version" => text(StatusCode::OK, format!("tributary {}\n", env!("CARGO_PKG_VERSION"))),
        _ => text(StatusCode::NOT_FOUND, "no such page\n".to_owned()),
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert("content-type", hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
