//! The HTTP endpoint: `/metrics`, health, and a landing page, on threads of its own. Cold.
//!
//! A scrape never waits for the program's async runtime, nor delays it. Of the locks that these threads take, none is
//! one that a recording thread waits for: the page is theirs (`storage/changes.rs`), and samples are read from atomic
//! cells (`storage/arena.rs`).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::install::Exporter;
use clients::{Client, Clients};
use patience::Patience;

mod clients;
mod negotiate;
mod page;
mod patience;

/// A client that has not sent a request's head by then is cut off. Scrapers send it at once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that has not taken an answer by then is cut off. It is the time that Prometheus gives a scrape.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A longer head is refused with 431; those of scrapers have less than a tenth.
const MOST_HEAD: usize = 16 * 1024;
/// Threads that write pages; requests beyond wait their turn.
const WRITERS: usize = 1;
/// How long to rest when no connection can be accepted, as when descriptors have run out.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Both loopback addresses with that port: the default place of an endpoint.
#[must_use]
pub fn loopback(port: u16) -> [SocketAddr; 2] {
    [
        (Ipv4Addr::LOCALHOST, port).into(),
        (Ipv6Addr::LOCALHOST, port).into(),
    ]
}

/// Why an endpoint could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address could not be resolved.
    #[error("cannot resolve the address to listen on")]
    Resolve(#[source] io::Error),
    /// It resolved to nothing.
    #[error("no address to listen on")]
    NoAddress,
    /// Another program holds it.
    #[error("port {} of {} is in use", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// It could not be bound for another reason.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The endpoint's thread or runtime could not be started.
    #[error("cannot start the endpoint's thread")]
    Start(#[source] io::Error),
}

/// A running endpoint. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// The first address it listens on, with the real port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the listeners and all connections, and waits for the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the endpoint's thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn serve(exporter: Exporter, addr: impl ToSocketAddrs) -> Result<Server, ServeError> {
    let listeners = bind(addr)?;
    let local_addr = listeners[0].local_addr().map_err(ServeError::Start)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WRITERS)
        .build()
        .map_err(ServeError::Start)?;
    let (stop, mut stopped) = watch::channel(false);
    let run = move || {
        let result = runtime.block_on(async {
            tokio::select! {
                result = accept_all(listeners, exporter) => result,
                // An error means that the server is gone, which is a stop too.
                _ = stopped.wait_for(|&stop| stop) => Ok(()),
            }
        });
        if let Err(error) = result {
            tracing::error!(%error, "the endpoint cannot be started");
        }
    };
    let thread = thread::Builder::new()
        .name("metrics-endpoint".to_owned())
        .spawn(run)
        .map_err(ServeError::Start)?;
    Ok(Server {
        local_addr,
        stop,
        thread: Some(thread),
    })
}

/// Binds every address. A machine without IPv6 has no `::1`; that one may be missing if another is there.
fn bind(addr: impl ToSocketAddrs) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut absent = None;
    for mut addr in addr.to_socket_addrs().map_err(ServeError::Resolve)? {
        if addr.port() == 0
            && let Some(first) = listeners.first()
        {
            addr.set_port(first.local_addr().map_err(ServeError::Start)?.port());
        }
        match TcpListener::bind(addr) {
            Ok(listener) => {
                listener.set_nonblocking(true).map_err(ServeError::Start)?;
                listeners.push(listener);
            }
            Err(source) => match source.kind() {
                io::ErrorKind::AddrInUse => return Err(ServeError::InUse(addr)),
                io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported if addr.is_ipv6() => {
                    absent = Some(ServeError::Bind { addr, source });
                }
                _ => return Err(ServeError::Bind { addr, source }),
            },
        }
    }
    if listeners.is_empty() {
        Err(absent.unwrap_or(ServeError::NoAddress))
    } else {
        Ok(listeners)
    }
}

async fn accept_all(listeners: Vec<TcpListener>, exporter: Exporter) -> io::Result<()> {
    let clients = Arc::new(Clients::default());
    let mut accepting = tokio::task::JoinSet::new();
    for listener in listeners {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.spawn(accept(listener, exporter.clone(), Arc::clone(&clients)));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept(listener: tokio::net::TcpListener, exporter: Exporter, clients: Arc<Clients>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the endpoint cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        let Some(client) = clients.admit() else {
            tracing::debug!("too many requests at once; closed a connection");
            continue;
        };
        let (exporter, clients) = (exporter.clone(), Arc::clone(&clients));
        tokio::spawn(async move {
            tokio::select! {
                () = converse(stream, &exporter, &clients, &client) => {}
                () = client.is_cut() => tracing::debug!("too many connections to the endpoint; cut the slowest"),
            }
            clients.remove(&client);
        });
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, exporter: &Exporter, clients: &Clients, client: &Arc<Client>) {
    let service = service_fn(|request| async move {
        client.asked();
        let page = page::answer(exporter, &request).await;
        let page = page.map(|text| Full::new(clients.hold(client, text)));
        client.answered();
        Ok::<_, std::convert::Infallible>(page)
    });
    let stream = Patience::new(stream, ANSWER_TIMEOUT);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the endpoint ended early");
    }
}
