//! The thread that owns the ZeroMQ socket and carries one message to the gateway and one back at a time.
//!
//! On the wire it is a REQ peer. The socket is a DEALER that writes REQ's envelope (an empty frame) itself,
//! because a REQ socket hears exactly one message per request: it could not let a stranger's reply pass and
//! go on waiting for its own. What REQ's options RELAXED and CORRELATE are for is done by the uuid in each
//! message and by a new socket after every failure.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace_span};
use uuid::Uuid;
use zmq::{DONTWAIT, PollEvents};

use super::reply::{Owner, owner};
use super::{GatewayError, Timeouts};
use crate::metrics;

/// How often a waiting thread looks whether anyone still waits with it. Only while a request is under way.
const GLANCE: Duration = Duration::from_millis(25);

/// Longest message taken from a gateway, in bytes; a longer one ends the connection.
const LONGEST_REPLY: i64 = 16 << 20;

/// The async end: hands requests to the thread.
#[derive(Debug)]
pub(super) struct Line {
    // Taking the sender out, or dropping it, is what ends the thread.
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    timeouts: Timeouts,
    ended: CancellationToken,
}

/// One request on its way.
#[derive(Debug)]
struct Job {
    uuid: Uuid,
    request: Vec<u8>,
    send_by: Instant,
    reply: oneshot::Sender<Result<Vec<u8>, GatewayError>>,
}

impl Line {
    pub(super) fn open(endpoint: &str, timeouts: Timeouts) -> Result<Self, GatewayError> {
        let (sender, jobs) = mpsc::unbounded_channel();
        let ended = CancellationToken::new();
        let context = zmq::Context::new();
        let mut carrier = Carrier {
            // Connecting does not wait, but it does tell a wrong endpoint.
            socket: Some(connected(&context, endpoint)?),
            context,
            endpoint: endpoint.to_owned(),
            timeouts,
            jobs,
        };
        let last_words = ended.clone().drop_guard();
        thread::Builder::new()
            .name("gateway-socket".to_owned())
            .spawn(move || {
                carrier.run();
                drop(carrier);
                drop(last_words);
            })
            .map_err(GatewayError::Thread)?;
        Ok(Self {
            jobs: Mutex::new(Some(sender)),
            timeouts,
            ended,
        })
    }

    pub(super) async fn exchange(
        &self,
        uuid: Uuid,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, GatewayError> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            uuid,
            request,
            send_by: Instant::now() + self.timeouts.send,
            reply,
        };
        self.hand_over(job)?;
        answer.await.unwrap_or(Err(GatewayError::Stopped))
    }

    pub(super) async fn close(&self) {
        self.sender().take();
        self.ended.cancelled().await;
    }

    /// Cancelled when the thread has ended and its socket is closed.
    #[cfg(test)]
    pub(super) fn ended_token(&self) -> CancellationToken {
        self.ended.clone()
    }

    fn hand_over(&self, job: Job) -> Result<(), GatewayError> {
        let sender = self.sender();
        let sender = sender.as_ref().ok_or(GatewayError::Stopped)?;
        sender.send(job).map_err(|_| GatewayError::Stopped)
    }

    fn sender(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<Job>>> {
        // An option is whole at any moment, whoever panicked while holding the lock.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blocking end. The socket stands first: it must be closed before its context.
struct Carrier {
    socket: Option<zmq::Socket>,
    context: zmq::Context,
    endpoint: String,
    timeouts: Timeouts,
    jobs: mpsc::UnboundedReceiver<Job>,
}

impl Carrier {
    fn run(&mut self) {
        while let Some(job) = self.jobs.blocking_recv() {
            let outcome = self.carry(&job);
            if job.reply.send(outcome).is_err() {
                debug!(uuid = %job.uuid, "nobody waits for this reply any more");
            }
        }
    }

    fn carry(&mut self, job: &Job) -> Result<Vec<u8>, GatewayError> {
        self.check_wanted(job)?;
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connected(&self.context, &self.endpoint)?,
        };
        // Seen with LOG_LEVEL=trace: what of a request's time is the wire's and the gateway's, not ours.
        let _exchange = trace_span!("exchange", uuid = %job.uuid).entered();
        self.send(&socket, job)?;
        let (reply, owner) = self.receive_own(&socket, job)?;
        if owner == Owner::Asker {
            // Kept only after a clean exchange: what is still on its way after anything else goes down with
            // the old socket and cannot meet the next request.
            self.socket = Some(socket);
        }
        Ok(reply)
    }

    fn receive_own(
        &self,
        socket: &zmq::Socket,
        job: &Job,
    ) -> Result<(Vec<u8>, Owner), GatewayError> {
        let deadline = Instant::now() + self.timeouts.receive;
        loop {
            let reply = self.receive(socket, job, deadline)?;
            match owner(&reply, job.uuid) {
                Owner::Stranger => {
                    metrics::GATEWAY_STRAY.inc();
                    debug!(uuid = %job.uuid, "a reply to another request is dropped");
                }
                owner => return Ok((reply, owner)),
            }
        }
    }

    fn send(&self, socket: &zmq::Socket, job: &Job) -> Result<(), GatewayError> {
        loop {
            let Some(pause) = glance_before(job.send_by) else {
                return Err(GatewayError::Send);
            };
            let frames = [&[][..], &job.request];
            match socket.send_multipart(frames, DONTWAIT) {
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => {}
                sent => return sent.map_err(GatewayError::Socket),
            }
            match socket.poll(PollEvents::POLLOUT, pause.into()) {
                Ok(_) | Err(zmq::Error::EINTR) => self.check_wanted(job)?,
                Err(error) => return Err(GatewayError::Socket(error)),
            }
        }
    }

    fn receive(
        &self,
        socket: &zmq::Socket,
        job: &Job,
        deadline: Instant,
    ) -> Result<Vec<u8>, GatewayError> {
        loop {
            self.check_wanted(job)?;
            let Some(pause) = glance_before(deadline) else {
                return Err(GatewayError::Timeout);
            };
            // Waits in the receiving call itself: a poll before it would be one system call more in each round trip.
            let received = socket
                .set_rcvtimeo(pause)
                .and_then(|()| socket.recv_multipart(0));
            match received {
                Ok(frames) => return Ok(unwrap_envelope(frames)),
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => {}
                Err(error) => return Err(GatewayError::Socket(error)),
            }
        }
    }

    fn check_wanted(&self, job: &Job) -> Result<(), GatewayError> {
        if self.jobs.is_closed() || job.reply.is_closed() {
            return Err(GatewayError::Stopped);
        }
        Ok(())
    }
}

/// Milliseconds to wait before looking again whether anyone still waits; `None` once the deadline has passed.
fn glance_before(deadline: Instant) -> Option<i32> {
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up: waits of 0 ms would spin through the last millisecond.
    (!left.is_zero()).then(|| left.min(GLANCE).as_millis() as i32 + 1)
}

fn connected(context: &zmq::Context, endpoint: &str) -> Result<zmq::Socket, GatewayError> {
    let socket = context.socket(zmq::DEALER).map_err(GatewayError::Socket)?;
    prepare(&socket).map_err(GatewayError::Socket)?;
    socket.connect(endpoint).map_err(GatewayError::Socket)?;
    Ok(socket)
}

fn prepare(socket: &zmq::Socket) -> zmq::Result<()> {
    // Closing must neither wait nor deliver anything late.
    socket.set_linger(0)?;
    // Without a live connection there is nothing to send to, and an order must not wait for one.
    socket.set_immediate(true)?;
    socket.set_maxmsgsize(LONGEST_REPLY)?;
    // An hour passes between orders: a connection that died unseen would cost the next one its answer.
    socket.set_tcp_keepalive(1)?;
    socket.set_tcp_keepalive_idle(60)?;
    socket.set_tcp_keepalive_intvl(10)?;
    socket.set_tcp_keepalive_cnt(3)
}

/// Takes the message out of REQ's envelope. More frames than that are joined, and read as the garbage they are.
fn unwrap_envelope(mut frames: Vec<Vec<u8>>) -> Vec<u8> {
    if frames.len() == 2 && frames[0].is_empty() {
        frames.swap_remove(1)
    } else {
        frames.join(&b'\n')
    }
}
