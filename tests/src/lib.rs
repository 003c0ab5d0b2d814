//! The stage hands: they build a program, start it, talk to it over its sockets, and wait for what must come.

pub mod fault;
pub mod gateway;
pub mod lab;
mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use instrument_core::Samples;

pub use process::{Counterpart, Running, program};

/// How long anything may take before a test gives up on it. Far longer than it does take, as machines are shared.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// How often a condition of another process is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// Waits until `condition` is met.
///
/// # Panics
/// It is not within [`DEADLINE`]; the message names it and what was seen last.
pub fn wait_until<T: std::fmt::Debug>(what: &str, mut condition: impl FnMut() -> Result<(), T>) {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(()) => return,
            Err(seen) => assert!(
                start.elapsed() < DEADLINE,
                "waited for {what}, saw {seen:?}"
            ),
        }
        std::thread::sleep(GLANCE);
    }
}

/// A folder of a test's own, removed when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty one.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("instrument-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder can be made for a test");
        Self(path)
    }

    /// Its path.
    ///
    /// # Panics
    /// The machine's folder for temporary files is not named in UTF-8.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.to_str().expect("the path is UTF-8")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Asks for a path of the endpoint at `addr`.
///
/// # Errors
/// No connection, or no answer.
pub fn get(addr: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.as_str(), ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

/// The page of the endpoint at `addr`.
///
/// # Panics
/// It is not served.
#[must_use]
pub fn page(addr: &str) -> String {
    let answer = get(addr, "/metrics").expect("the endpoint answers");
    assert_eq!(answer.status, 200);
    answer.body
}

/// The samples of the endpoint at `addr`.
///
/// # Panics
/// It is not served.
#[must_use]
pub fn scrape(addr: &str) -> Samples {
    Samples::parse(&page(addr))
}

/// Waits until the sum of a family's series is at least `least`.
///
/// # Panics
/// It does not get there.
pub fn wait_for_sum(addr: &str, name: &str, least: f64) {
    wait_until(&format!("{name} >= {least}"), || {
        let sum = scrape(addr).sum(name);
        if sum >= least { Ok(()) } else { Err(sum) }
    });
}

/// Waits until a series has a value.
///
/// # Panics
/// It does not get it.
pub fn wait_for_value(addr: &str, name: &str, labels: &[(&str, &str)], value: f64) {
    wait_until(&format!("{name} {labels:?} to be {value}"), || {
        let seen = scrape(addr).get(name, labels);
        if seen == Some(value) {
            Ok(())
        } else {
            Err(seen)
        }
    });
}

/// Seconds since 1970.
///
/// # Panics
/// Never: it is after 1970.
#[must_use]
pub fn unix_now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.expect("it is after 1970").as_secs()
}

/// Hourly bars of the present in the vendor's words, `count` closed ones and the one that is forming. They rise and
/// fall a little, as flat ones have no relative strength.
#[must_use]
pub fn present_bars(count: u64) -> String {
    let hour = unix_now() / 3_600 * 3_600;
    let bar = |back: u64| {
        let close = 1.1 + 0.001 * ((back * 7 % 13) as f64 - 6.0) / 6.0;
        let (high, low) = (close + 0.0005, close - 0.0005);
        format!(
            r#"{{"timestamp":{},"open":{close},"high":{high},"low":{low},"close":{close},"volume":100}}"#,
            hour - back * 3_600
        )
    };
    let bars: Vec<_> = (0..=count).rev().map(bar).collect();
    format!("[{}]", bars.join(","))
}

/// Waits until a path answers with a status.
///
/// # Panics
/// It does not.
pub fn wait_for_status(addr: &str, path: &str, status: u16) {
    wait_until(&format!("{path} to be {status}"), || {
        match get(addr, path) {
            Ok(answer) if answer.status == status => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
