//! The server: a real socket on a port that the system picks, and connections that can be dropped without an answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request as HttpRequest, Response, StatusCode};
use axum::routing::any;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::api::{Request, Settings, World};

/// The path below which the API lives.
const BASE: &str = "/public/v1";
/// The most bytes of a request's body that are read.
const MOST_BODY: usize = 64 << 20;

/// A running API. Dropping it ends the API.
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    _end: DropGuard,
}

/// Marks an answer that must not be sent: the connection is closed instead.
#[derive(Debug, Clone)]
struct DropConnection;

#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

impl Sandbox {
    /// Starts an API on a free loopback port, inside the running tokio runtime.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let world = Arc::new(Mutex::new(World::new(settings)));
        let end = CancellationToken::new();
        let router = Router::new()
            .route(&format!("{BASE}/{{*path}}"), any(handle))
            .layer(axum::extract::DefaultBodyLimit::max(MOST_BODY))
            .with_state(Arc::clone(&world));
        tokio::spawn(accept(listener, router, end.clone()));
        Ok(Self { address, world, _end: end.drop_guard() })
    }

    /// Returns the base URL of the API.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE}", self.address)
    }

    /// Locks the API's state, to look at or to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, router: Router, end: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        let (service, end) = (TowerToHyperService::new(router.clone()), end.clone());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: HttpRequest<Incoming>| {
                let service = service.clone();
                async move {
                    let response = hyper::service::Service::call(&service, request).await.map_err(|_| Dropped)?;
                    // An error here makes hyper close the connection without a byte of an answer.
                    if response.extensions().get::<DropConnection>().is_some() { Err(Dropped) } else { Ok(response) }
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                _ = connection => {}
                () = end.cancelled() => {}
            }
        });
    }
}

async fn handle(
    State(world): State<Arc<Mutex<World>>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let request = Request {
        path,
        token: header("authorization").strip_prefix("Bearer ").map(str::to_owned),
        key: header("idempotency-key"),
        content_type: header("content-type"),
        body: body.to_vec(),
    };
    let reply = world.lock().unwrap_or_else(PoisonError::into_inner).answer(request);
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    let mut response = Response::new(Body::from(reply.body));
    match reply.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) => *response.status_mut() = status,
        None => {
            response.extensions_mut().insert(DropConnection);
        }
    }
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    for (name, value) in reply.headers {
        if let Ok(value) = axum::http::HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
