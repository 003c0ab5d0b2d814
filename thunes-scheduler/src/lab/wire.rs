//! JSON-RPC with a server over its standard streams: a message a line, whatever else the server may print.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::ChildStdin;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::child::Child;
use super::script::last_line;
use super::session::Failure;
use super::verdict::Reason;

/// A longer line is no message. A list of hundreds of tools has about 1 MB.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Answers to requests that nobody waits for any more are dropped beyond this number.
const ANSWERS: usize = 64;

/// How long a server may take to read our answer to a request of its own.
const REPLY: Duration = Duration::from_secs(1);

/// How long a server that closed its output may take to end.
const END: Duration = Duration::from_millis(500);

/// What a request came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// As asked.
    Result(Value),
    /// An error of the protocol.
    Error {
        code: i64,
        message: String,
        data: Value,
    },
}

impl Answer {
    /// The answer in a message; `None` if it holds none.
    fn of(message: &Value) -> Option<Self> {
        if let Some(error) = message.get("error") {
            return Some(Self::Error {
                code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
                message: error["message"].as_str().unwrap_or("").to_owned(),
                data: error.get("data").cloned().unwrap_or_default(),
            });
        }
        message.get("result").cloned().map(Self::Result)
    }

    /// The answer to request `id` in a message or a batch of them. An error without a number is one too where nothing
    /// else was asked: the server could not even read the number.
    pub(super) fn to(id: u64, message: Value) -> Option<Self> {
        let ours = |message: &Value| {
            message["id"] == id || (message["id"].is_null() && message.get("error").is_some())
        };
        let messages = each(message);
        messages
            .iter()
            .find(|message| ours(message))
            .and_then(Self::of)
    }

    /// The result.
    ///
    /// # Errors
    /// It is an error.
    pub(super) fn result(self, method: &str) -> Result<Value, Failure> {
        match self {
            Self::Result(result) => Ok(result),
            Self::Error { code, message, .. } => Err(Failure::new(
                Reason::RpcError,
                format!("{method}: error {code}: {message}"),
            )),
        }
    }
}

/// The streams of a server's process.
#[derive(Debug)]
pub(super) struct Stdio {
    child: Child,
    input: Arc<Mutex<ChildStdin>>,
    answers: mpsc::Receiver<(u64, Answer)>,
    noise: Arc<AtomicU64>,
    next: u64,
    _reader: AbortOnDropHandle<()>,
}

impl Stdio {
    pub(super) fn new(mut child: Child) -> Self {
        let input = child.stdin.take().expect("a server's input is piped");
        let output = child.stdout.take().expect("a server's output is piped");
        let input = Arc::new(Mutex::new(input));
        let noise = Arc::new(AtomicU64::new(0));
        let (tell, answers) = mpsc::channel(ANSWERS);
        let reader = read(
            BufReader::new(output),
            Arc::clone(&input),
            tell,
            Arc::clone(&noise),
        );
        Self {
            child,
            input,
            answers,
            noise,
            next: 1,
            _reader: AbortOnDropHandle::new(tokio::spawn(reader)),
        }
    }

    /// Sends a request, and tells its number.
    pub(super) async fn send(&mut self, method: &str, params: &Value) -> Result<u64, Failure> {
        let id = self.next;
        self.next += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await?;
        Ok(id)
    }

    /// Sends a notification.
    pub(super) async fn notify(&mut self, method: &str) -> Result<(), Failure> {
        self.write(&json!({"jsonrpc": "2.0", "method": method}))
            .await
    }

    async fn write(&mut self, message: &Value) -> Result<(), Failure> {
        let written = write(&self.input, message).await;
        if written.is_err() {
            return Err(self.ended().await);
        }
        Ok(())
    }

    /// Waits for the answer to one of these requests; answers that come too late for others are dropped.
    pub(super) async fn receive(&mut self, ids: &[u64]) -> Result<(u64, Answer), Failure> {
        loop {
            match self.answers.recv().await {
                Some((id, answer)) if ids.contains(&id) => return Ok((id, answer)),
                Some(_) => {}
                None => return Err(self.ended().await),
            }
        }
    }

    /// A request and its answer.
    pub(super) async fn request(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<Answer, Failure> {
        let id = self.send(method, params).await?;
        Ok(self.receive(&[id]).await?.1)
    }

    /// How many lines of its output were no messages.
    pub(super) fn noise(&self) -> u64 {
        self.noise.load(Ordering::Relaxed)
    }

    /// The end of what it wrote to standard error.
    pub(super) fn stderr(&self) -> String {
        self.child.stderr()
    }

    /// Why there is no more output.
    async fn ended(&mut self) -> Failure {
        let Ok(code) = tokio::time::timeout(END, self.child.exited()).await else {
            return Failure::new(Reason::Exit, "it closed its output");
        };
        match self.child.not_started(code) {
            Some(why) => Failure::new(Reason::Spawn, why),
            None => {
                let said = last_line(&self.child.stderr());
                Failure::new(Reason::Exit, format!("exit {code}: {said}"))
            }
        }
    }
}

async fn write(input: &Mutex<ChildStdin>, message: &Value) -> std::io::Result<()> {
    let mut line = message.to_string();
    line.push('\n');
    let mut input = input.lock().await;
    input.write_all(line.as_bytes()).await?;
    input.flush().await
}

/// Reads messages to the end of the output: answers are passed on, requests are answered, all else is noise.
async fn read(
    mut output: impl AsyncBufRead + Unpin,
    input: Arc<Mutex<ChildStdin>>,
    tell: mpsc::Sender<(u64, Answer)>,
    noise: Arc<AtomicU64>,
) {
    let mut line = Vec::new();
    while read_line(&mut output, &mut line).await {
        let Ok(message) = serde_json::from_slice::<Value>(&line) else {
            let empty = line.trim_ascii().is_empty();
            noise.fetch_add(u64::from(!empty), Ordering::Relaxed);
            continue;
        };
        for message in each(message) {
            if message.get("method").is_some() {
                if let Some(id) = message.get("id") {
                    let reply = reply(id, &message["method"]);
                    // A server that does not read must not hold up our reading.
                    let _ = tokio::time::timeout(REPLY, write(&input, &reply)).await;
                }
            } else if let Some((id, answer)) = message["id"].as_u64().zip(Answer::of(&message)) {
                // Full: nobody waits for these.
                let _ = tell.try_send((id, answer));
            } else {
                noise.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The messages of a batch, which a version of the protocol allows, or the one that it is.
fn each(message: Value) -> Vec<Value> {
    match message {
        Value::Array(batch) => batch,
        one => vec![one],
    }
}

/// Our answer to a server's request: we are alive, and have nothing else to offer.
fn reply(id: &Value, method: &Value) -> Value {
    if method == "ping" {
        return json!({"jsonrpc": "2.0", "id": id, "result": {}});
    }
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "a health check has no such method"}})
}

/// Reads a line into `line`, of which more than [`MOST_BYTES`] are dropped; `false` at the end.
async fn read_line(output: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> bool {
    line.clear();
    loop {
        let Ok(bytes) = output.fill_buf().await else {
            return false;
        };
        if bytes.is_empty() {
            return false;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(bytes.len());
        let room = MOST_BYTES - line.len();
        line.extend_from_slice(&bytes[..taken.min(room)]);
        output.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_where_they_end_and_where_they_get_too_long() {
        let long = vec![b'x'; MOST_BYTES + 10];
        let mut text = b"one\n\n".to_vec();
        text.extend_from_slice(&long);
        text.extend_from_slice(b"\nlast\npartial");
        let mut output = BufReader::new(&text[..]);
        let (mut line, mut lengths) = (Vec::new(), Vec::new());
        while read_line(&mut output, &mut line).await {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [3, 0, MOST_BYTES, 4]);
    }

    #[test]
    fn an_answer_is_known_by_its_number_also_in_a_batch() {
        let batch = json!([{"method": "x"}, {"id": 6, "result": 1}, {"id": 7, "result": 2}]);
        assert!(
            matches!(Answer::to(7, batch.clone()), Some(Answer::Result(result)) if result == 2)
        );
        assert!(Answer::to(8, batch).is_none());
        let unread = json!({"id": null, "error": {"code": -32700, "message": "what?"}});
        assert!(matches!(
            Answer::to(7, unread),
            Some(Answer::Error { code: -32700, .. })
        ));
    }

    #[test]
    fn a_ping_of_the_server_is_answered() {
        assert_eq!(reply(&json!("a"), &json!("ping"))["result"], json!({}));
        assert_eq!(
            reply(&json!(1), &json!("roots/list"))["error"]["code"],
            -32601
        );
    }
}
