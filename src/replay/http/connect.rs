//! Connections: made in distinct phases, kept open between requests, closed when anything goes
//! wrong.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use hyper::rt::{Read, Write};
use hyper::{Request, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout};
use url::Url;

use super::Whole;
use super::tls::Tls;
use crate::domain::evidence::{Lost, Phase};
use crate::domain::time::human_length;

/// Time for which an idle connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// Time that a kept connection may take to be ready for the next request.
const READY: Duration = Duration::from_millis(100);
/// Time that an address has to answer before the next one is tried in parallel.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// A connection, closed on drop.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Whole>,
    /// True if an earlier request was answered over it.
    pub(super) reused: bool,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Makes connections to one target.
pub(super) struct Connector {
    proxies: Option<Matcher>,
    timeout: Duration,
    tls: Tls,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Connector {
    pub(super) fn new(proxy: bool, timeout: Duration) -> Self {
        let proxies = proxy.then(Matcher::from_env);
        Self { proxies, timeout, tls: Tls::default(), idle: Mutex::default() }
    }

    /// Returns the URI for the request line: the path, or the whole URL for a proxy that forwards
    /// plain HTTP, whose login is then added to `headers`.
    pub(super) fn request_uri(&self, url: &Url, headers: &mut HeaderMap) -> Result<Uri, String> {
        let mut whole = url.clone();
        whole.set_fragment(None);
        let uri: Uri = whole.as_str().parse().map_err(|e| format!("{url}: {e}"))?;
        match self.proxy_for(&uri) {
            Some(proxy) if url.scheme() == "http" => {
                if let Some(auth) = proxy.basic_auth() {
                    headers.insert(PROXY_AUTHORIZATION, auth.clone());
                }
                Ok(uri)
            }
            _ => {
                let path = uri.path_and_query().map_or("/", |path| path.as_str());
                path.parse().map_err(|e| format!("{url}: {e}"))
            }
        }
    }

    /// Returns a kept connection, or makes a new one.
    pub(super) async fn connection(&self, url: &Url) -> Result<Connection, Lost> {
        while let Some(mut connection) = self.take_idle() {
            // A connection whose last request was answered before it was fully read may never be
            // ready.
            if matches!(timeout(READY, connection.sender.ready()).await, Ok(Ok(()))) {
                connection.reused = true;
                return Ok(connection);
            }
        }
        // The phase in which the time ran out.
        let phase = Mutex::new(Phase::Resolve);
        // Boxed: few requests need a new connection, and every future would have to hold the state
        // for making one.
        match timeout(self.timeout, Box::pin(self.connect(url, &phase))).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(why)) => Err(Lost::new(get(&phase), why)),
            Err(_) => {
                let phase = get(&phase);
                let what = match phase {
                    Phase::Resolve => "the host's address was not found in time",
                    Phase::Tls => "the TLS handshake did not end in time",
                    _ => "the connection could not be made in time",
                };
                Err(Lost::new(phase, format!("{what} ({})", human_length(self.timeout))))
            }
        }
    }

    /// Keeps a connection whose answer was read to its end, for the next request.
    pub(super) fn keep(&self, connection: Connection) {
        if !connection.sender.is_closed() {
            self.idle().push((Instant::now(), connection));
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|(since, connection)| since.elapsed() < IDLE && !connection.sender.is_closed());
        idle.pop().map(|(_, connection)| connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proxy_for(&self, uri: &Uri) -> Option<Intercept> {
        self.proxies.as_ref().and_then(|proxies| proxies.intercept(uri))
    }

    async fn connect(&self, url: &Url, phase: &Mutex<Phase>) -> Result<Connection, String> {
        let host = url.host_str().ok_or("the URL has no host")?;
        let port = url.port_or_known_default().ok_or("the URL has no port")?;
        let uri: Uri = url.as_str().parse().map_err(|e| format!("{url}: {e}"))?;
        let stream = match self.proxy_for(&uri) {
            None => dial(host, port, phase).await?,
            Some(proxy) => {
                if proxy.uri().scheme_str() != Some("http") {
                    return Err(format!("a proxy has to be http://…, this one is {}", without_login(proxy.uri())));
                }
                let at = proxy.uri().host().ok_or("the proxy has no host")?;
                let stream = dial(at, proxy.uri().port_u16().unwrap_or(80), phase).await?;
                if url.scheme() == "http" {
                    stream
                } else {
                    return self.encrypt(tunnel(stream, host, port, proxy.basic_auth()).await?, host, phase).await;
                }
            }
        };
        if url.scheme() == "https" {
            self.encrypt(stream, host, phase).await
        } else {
            handshake(TokioIo::new(stream)).await
        }
    }

    async fn encrypt(
        &self,
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        host: &str,
        phase: &Mutex<Phase>,
    ) -> Result<Connection, String> {
        set(phase, Phase::Tls);
        handshake(TokioIo::new(self.tls.connect(stream, host).await?)).await
    }
}

fn get(phase: &Mutex<Phase>) -> Phase {
    *phase.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(phase: &Mutex<Phase>, to: Phase) {
    *phase.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

/// Opens a TCP connection to the first of the host's addresses that answers.
async fn dial(host: &str, port: u16, phase: &Mutex<Phase>) -> Result<TcpStream, String> {
    let name = host.trim_matches(['[', ']']);
    let addresses = tokio::net::lookup_host((name, port)).await;
    let addresses: Vec<_> = addresses.map_err(|e| format!("{name} was not found: {e}"))?.collect();
    set(phase, Phase::Connect);
    let mut attempts = JoinSet::new();
    let mut last = format!("{name} has no address");
    let mut rest = addresses.into_iter();
    loop {
        let next = rest.next();
        let waits = next.is_some();
        if let Some(address) = next {
            attempts.spawn(TcpStream::connect(address));
        } else if attempts.is_empty() {
            return Err(format!("the connection could not be made ({last})"));
        }
        tokio::select! {
            Some(joined) = attempts.join_next() => match joined {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(error) => last = error.to_string(),
            },
            () = tokio::time::sleep(NEXT_ADDRESS), if waits => {}
        }
    }
}

/// Asks a proxy for a tunnel to the host.
async fn tunnel(
    stream: TcpStream,
    host: &str,
    port: u16,
    auth: Option<&HeaderValue>,
) -> Result<TokioIo<hyper::upgrade::Upgraded>, String> {
    let failed = |e: hyper::Error| format!("the proxy broke off: {}", super::innermost(&e));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection.with_upgrades());
    let authority = format!("{host}:{port}");
    let mut request = Request::connect(&authority)
        .header(hyper::header::HOST, &authority)
        .body(String::new())
        .map_err(|e| e.to_string())?;
    if let Some(auth) = auth {
        request.headers_mut().insert(PROXY_AUTHORIZATION, auth.clone());
    }
    let response = sender.send_request(request).await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("the proxy does not let it through (HTTP {})", response.status().as_u16()));
    }
    hyper::upgrade::on(response).await.map(TokioIo::new).map_err(failed)
}

async fn handshake(io: impl Read + Write + Send + Unpin + 'static) -> Result<Connection, String> {
    let (sender, connection) = http1::handshake(io).await.map_err(|e| super::innermost(&e))?;
    let driver = tokio::spawn(async move {
        // Errors reach whoever waits for the answer.
        let _ = connection.await;
    });
    Ok(Connection { sender, reused: false, driver: driver.abort_handle() })
}

fn without_login(uri: &Uri) -> String {
    format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default())
}
