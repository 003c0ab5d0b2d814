//! The paper gateway's socket: a REP socket on a thread of its own.

use std::io;
use std::thread;

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use zmq::{DONTWAIT, PollEvents};

use super::{PaperConfig, PaperError, PaperGateway};

/// How long one wait for a request lasts before the stop token is looked at, in milliseconds.
const GLANCE_MS: i64 = 50;

/// Longest message the socket takes in, in bytes; a longer one ends its sender's connection.
const LONGEST_MESSAGE: i64 = 64 << 20;

/// Why the paper gateway does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// It cannot be set up.
    #[error(transparent)]
    Paper(#[from] PaperError),
    /// The endpoint cannot be bound, for example because it is in use.
    #[error("paper gateway cannot listen on {endpoint}")]
    Bind {
        /// The endpoint as given.
        endpoint: String,
        /// What `ZeroMQ` said.
        source: zmq::Error,
    },
    /// The system gave no thread.
    #[error("no thread for the paper gateway")]
    Thread(#[source] io::Error),
    /// The socket broke while serving.
    #[error("paper gateway socket")]
    Socket(#[source] zmq::Error),
    /// The thread panicked.
    #[error("the paper gateway's thread has panicked")]
    Panicked,
}

/// A paper gateway that serves. It ends with the token it was given, not with this value.
#[derive(Debug)]
pub struct PaperServer {
    endpoint: String,
    ended: oneshot::Receiver<Result<(), ServeError>>,
}

impl PaperServer {
    /// Where it really listens, for example `tcp://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the server has ended, and its port and its state file are free again.
    ///
    /// # Errors
    /// [`ServeError::Socket`] or [`ServeError::Panicked`] if it ended by itself.
    pub async fn finished(self) -> Result<(), ServeError> {
        self.ended.await.unwrap_or(Err(ServeError::Panicked))
    }
}

/// Serves a paper gateway at a `ZeroMQ` endpoint until `stop` is cancelled; port 0 takes a free one.
///
/// # Errors
/// [`ServeError`] when the gateway cannot be set up or the endpoint not be bound.
pub fn serve(
    endpoint: &str,
    config: PaperConfig,
    stop: CancellationToken,
) -> Result<PaperServer, ServeError> {
    let context = zmq::Context::new();
    // The port comes first: it keeps a second process away from the state file.
    let (socket, bound) = listen(&context, endpoint).map_err(|source| ServeError::Bind {
        endpoint: endpoint.to_owned(),
        source,
    })?;
    let mut gateway = PaperGateway::new(config)?;
    let (tell, ended) = oneshot::channel();
    thread::Builder::new()
        .name("paper-gateway".to_owned())
        .spawn(move || {
            let outcome = answer_all(&socket, &mut gateway, &stop);
            // The end is told when all of it is free again: the state file, then the port, for which LINGER 0 keeps
            // the wait short.
            drop(gateway);
            drop(socket);
            drop(context);
            if tell.send(outcome.map_err(ServeError::Socket)).is_err() {
                debug!("nobody waits for the end of the paper gateway");
            }
        })
        .map_err(ServeError::Thread)?;
    Ok(PaperServer {
        endpoint: bound,
        ended,
    })
}

fn listen(context: &zmq::Context, endpoint: &str) -> zmq::Result<(zmq::Socket, String)> {
    let socket = context.socket(zmq::REP)?;
    socket.set_linger(0)?;
    socket.set_maxmsgsize(LONGEST_MESSAGE)?;
    socket.bind(endpoint)?;
    let bound = socket.get_last_endpoint()?;
    Ok((socket, bound.unwrap_or_else(|_| endpoint.to_owned())))
}

fn answer_all(
    socket: &zmq::Socket,
    gateway: &mut PaperGateway,
    stop: &CancellationToken,
) -> zmq::Result<()> {
    while !stop.is_cancelled() {
        match socket.poll(PollEvents::POLLIN, GLANCE_MS) {
            Ok(0) | Err(zmq::Error::EINTR) => {}
            Ok(_) => answer_one(socket, gateway)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn answer_one(socket: &zmq::Socket, gateway: &mut PaperGateway) -> zmq::Result<()> {
    let frames = match socket.recv_multipart(DONTWAIT) {
        Ok(frames) => frames,
        Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(()),
        Err(error) => return Err(error),
    };
    // Joined by a byte that JSON allows nowhere, several frames can only read as garbage.
    let reply = gateway.handle(&frames.join(&0), Timestamp::now());
    socket.send(reply, DONTWAIT)
}
