//! The org over HTTPS: takes requests, has them answered, and does to the connection what was ordered.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, Version, header},
};
use futures_util::stream;
use rustls::ServerConfig;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::{
    call::{self, Reply},
    fault::Fault,
    line::{Handle, Shaking},
    lock,
    world::Shared,
};

/// Largest body: an upload of a bulk job, and what goes with it.
const MOST_BODY: usize = 101_000_000;
/// What a peer may choose from.
const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// A listener that is served until this is dropped.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listener {
    pub(crate) async fn start(mut tls: ServerConfig, port: u16, world: Arc<Shared>) -> io::Result<Self> {
        tls.alpn_protocols = PROTOCOLS.map(Vec::from).into();
        let socket = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = socket.local_addr()?;
        let listener = Shaking::new(socket, TlsAcceptor::from(Arc::new(tls)))?;
        let routes = Router::new().fallback(answer).layer(DefaultBodyLimit::max(MOST_BODY)).with_state(world);
        let service = routes.into_make_service_with_connect_info::<Handle>();
        let task = tokio::spawn(async move {
            // It ends with the task.
            drop(axum::serve(listener, service).await);
        });
        Ok(Self { address, task })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(world): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Handle>,
    version: Version,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (late, fault) = {
        let mut world = lock(&world);
        world.counters.note(version, method.as_str(), uri.path());
        world.faults.meet(method.as_str(), uri.path())
    };
    if fault == Some(Fault::HalfOpen) {
        line.silence();
        return std::future::pending().await;
    }
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    match &fault {
        Some(Fault::Refused { status, code, message, retry_after }) => {
            return refused(uri.path(), *status, code, message, *retry_after);
        }
        Some(Fault::Html { status }) => return html(*status),
        Some(Fault::Empty { status }) => return put(Reply::empty(*status)),
        Some(Fault::ResetBefore) => return torn(&line),
        Some(Fault::HangsBefore | Fault::HalfOpen) => return std::future::pending().await,
        Some(Fault::Truncated | Fault::ResetAfter | Fault::HangsAfter | Fault::Late { .. }) | None => {}
    }
    let address = uri.path_and_query().map_or("/", |whole| whole.as_str());
    let reply = lock(&world).answer(method.as_str(), address, &headers, &body);
    match fault {
        Some(Fault::ResetAfter) => torn(&line),
        Some(Fault::HangsAfter) => std::future::pending().await,
        Some(Fault::Truncated) => truncated(&reply),
        Some(
            Fault::Refused { .. }
            | Fault::Html { .. }
            | Fault::Empty { .. }
            | Fault::ResetBefore
            | Fault::HangsBefore
            | Fault::HalfOpen
            | Fault::Late { .. },
        )
        | None => put(reply),
    }
}

/// A refusal in the shape that the path wants.
fn refused(path: &str, status: u16, code: &str, message: &str, retry_after: Option<u32>) -> Response<Body> {
    let body = if path.starts_with("/services/oauth2/") {
        json!({"error": code, "error_description": message})
    } else {
        json!([{"message": message, "errorCode": code}])
    };
    let reply = Reply::json(status, body);
    put(match retry_after {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    })
}

fn html(status: u16) -> Response<Body> {
    let page = "<html><head><title>Error</title></head><body><h1>We are down for maintenance</h1></body></html>";
    response(status, "text/html; charset=utf-8", Body::from(page))
}

/// Whatever is written after this, the connection is reset instead.
fn torn(line: &Handle) -> Response<Body> {
    line.reset();
    response(200, "application/json;charset=UTF-8", Body::empty())
}

/// Half of a body whose whole length was promised.
fn truncated(reply: &Reply) -> Response<Body> {
    let (status, whole) = (reply.status, bytes(&reply.body));
    let half = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    let parts = stream::iter([Ok(half), Err(io::Error::from(io::ErrorKind::UnexpectedEof))]);
    let mut response = response(status, "application/json;charset=UTF-8", Body::from_stream(parts));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(2)));
    response
}

fn put(reply: Reply) -> Response<Body> {
    let kind = match &reply.body {
        call::Body::Csv(_) => "text/csv",
        call::Body::Json(_) | call::Body::Empty => "application/json;charset=UTF-8",
    };
    let mut response = response(reply.status, kind, Body::from(bytes(&reply.body)));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn bytes(body: &call::Body) -> Vec<u8> {
    match body {
        call::Body::Empty => Vec::new(),
        call::Body::Json(value) => value.to_string().into_bytes(),
        call::Body::Csv(text) => text.clone().into_bytes(),
    }
}

fn response(status: u16, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
