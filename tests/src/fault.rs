//! A small HTTP server that stands before a real one and, once armed, answers the next request wrongly.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::DEADLINE;

/// Between two bytes of a slow answer: often enough that only a limit on the whole of it helps.
const DRIP: Duration = Duration::from_millis(100);

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing comes at all.
    Silence,
    /// The head comes byte by byte, and never ends.
    SlowHead,
    /// The body comes byte by byte, and never ends.
    SlowBody,
    /// This status.
    Status(u16),
    /// A good status and this body.
    Body(String),
    /// A body of so many bytes, all of them blanks.
    Huge(usize),
    /// The connection ends in the middle of the body.
    CutOff,
    /// Bytes that are no HTTP.
    Garbage,
    /// These bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// The connection is reset in the middle of the body.
    Reset,
}

/// The server; it ends with the value.
#[derive(Debug)]
pub struct FaultServer {
    addr: String,
    armed: Arc<Mutex<Option<Fault>>>,
    heard: Arc<AtomicUsize>,
}

impl FaultServer {
    /// Stands before the server at `upstream`, `HOST:PORT`.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn before(upstream: &str) -> Self {
        let upstream = upstream.to_owned();
        Self::start(move |request| forward(&upstream, request))
    }

    /// Answers every request with what `body` gives at that moment, as JSON.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn serving(body: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self::start(move |_| Ok(with_head(200, &body())))
    }

    fn start(good: impl Fn(&[u8]) -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener
            .local_addr()
            .expect("a listener has an address")
            .to_string();
        let (armed, heard) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
        let server = Self {
            addr,
            armed: Arc::clone(&armed),
            heard: Arc::clone(&heard),
        };
        let good = Arc::new(good);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (good, armed, heard) =
                    (Arc::clone(&good), Arc::clone(&armed), Arc::clone(&heard));
                thread::spawn(move || {
                    // Waits for the request and leaves it where it is: what is closed with something unread is reset.
                    if stream.peek(&mut [0]).is_err() {
                        return;
                    }
                    heard.fetch_add(1, Ordering::SeqCst);
                    let fault = armed.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if matches!(fault, Some(Fault::Reset)) {
                        let _ = Fault::CutOff.commit(stream);
                        return;
                    }
                    let Ok(request) = read_request(&stream) else {
                        return;
                    };
                    // A client that has gone away is what most faults are about.
                    let _ = match fault {
                        Some(fault) => fault.commit(stream),
                        None => good(&request).and_then(|answer| (&stream).write_all(&answer)),
                    };
                });
            }
        });
        server
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The port.
    ///
    /// # Panics
    /// Never: an address has a port.
    #[must_use]
    pub fn port(&self) -> &str {
        self.addr.rsplit(':').next().expect("an address has a port")
    }

    /// Makes the next answer a wrong one.
    pub fn arm(&self, fault: Fault) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// How many requests have come.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

impl Fault {
    fn commit(self, mut stream: TcpStream) -> io::Result<()> {
        match self {
            Self::Silence => {
                stream.set_read_timeout(Some(DEADLINE))?;
                stream.read(&mut [0]).map(|_| ())
            }
            Self::SlowHead => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
                drip(&mut stream)
            }
            Self::SlowBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[")?;
                drip(&mut stream)
            }
            Self::Status(status) => stream.write_all(&with_head(status, "")),
            Self::Body(body) => stream.write_all(&with_head(200, &body)),
            Self::Huge(size) => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")?;
                let block = vec![b' '; 1 << 16];
                for _ in 0..size.div_ceil(block.len()) {
                    stream.write_all(&block)?;
                }
                Ok(())
            }
            Self::Raw(bytes) => stream.write_all(&bytes),
            Self::CutOff | Self::Reset => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{\"timest")
            }
            Self::Garbage => stream.write_all(b"\xff\xfe no HTTP\r\n\r\n"),
        }
    }
}

fn drip(stream: &mut TcpStream) -> io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        stream.write_all(b" ")?;
        thread::sleep(DRIP);
    }
    Ok(())
}

fn with_head(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Head and body of one request, with the connection to be closed after it.
fn read_request(stream: &TcpStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line == "\r\n" {
            request.extend_from_slice(b"Connection: close\r\n\r\n");
            break;
        }
        request.extend_from_slice(line.as_bytes());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.extend_from_slice(&body);
    Ok(request)
}

fn forward(upstream: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
