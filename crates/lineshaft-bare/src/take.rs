//! Requests of senders: each is a document, acknowledged when it is on disk. Any path will do, and any method.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::store::Store;

/// Accepts connections. They end with it.
pub(crate) async fn accept(listener: TcpListener, store: Store) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, store.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, store: Store) {
    // Without it answers would only be slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| take(&store, request));
    // A sender that hangs up has its reasons; it knows what it was told.
    let _ = http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service).await;
}

async fn take(store: &Store, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let Ok(body) = request.into_body().collect().await else {
        return Ok(answer(StatusCode::BAD_REQUEST, "{\"error\":\"the document is not whole\"}".to_owned()));
    };
    let receipt = format!("{{\"stored\":\"{key}\"}}");
    Ok(if store.put(key, body.to_bytes()).await {
        answer(StatusCode::ACCEPTED, receipt)
    } else {
        answer(StatusCode::INTERNAL_SERVER_ERROR, "{\"error\":\"nothing is stored any more\"}".to_owned())
    })
}

fn answer(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
