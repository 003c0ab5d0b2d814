//! JSON-RPC with a server over streamable HTTP: a POST a message; the answer is JSON, or a stream of events.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use super::session::{Failure, MODERN};
use super::verdict::Reason;
use super::wire::Answer;

/// A larger answer is refused.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// The header that holds the session, in the older era.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The way to a server over HTTP.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    url: String,
    headers: HeaderMap,
    /// The protocol version to be named, once agreed on.
    version: Option<String>,
    modern: bool,
    session: Option<HeaderValue>,
    /// The server has forgotten the session, as it may at any time.
    expired: bool,
    next: u64,
}

impl Http {
    /// # Errors
    /// A header that cannot be one, or TLS that cannot be set up.
    pub(super) fn new(url: &str, headers: &[(String, String)]) -> Result<Self, Failure> {
        let mut given = HeaderMap::new();
        for (name, value) in headers {
            let pair = HeaderName::try_from(name)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            let (key, value) = pair.ok_or_else(|| {
                Failure::new(Reason::Connect, format!("header {name:?} cannot be sent"))
            })?;
            given.insert(key, value);
        }
        Ok(Self {
            client: client(url)?,
            url: url.to_owned(),
            headers: given,
            // The first question is the newer era's.
            version: Some(MODERN.to_owned()),
            modern: true,
            session: None,
            expired: false,
            next: 0,
        })
    }

    /// Begins anew, in the older era.
    pub(super) fn forget(&mut self) {
        (self.modern, self.version, self.session) = (false, None, None);
    }

    /// From now on the version is named in each request.
    pub(super) fn agreed(&mut self, protocol: &str, modern: bool) {
        (self.modern, self.version) = (modern, Some(protocol.to_owned()));
    }

    /// Whether the server has forgotten the session, so that only a new one can tell how it is.
    pub(super) const fn expired(&self) -> bool {
        self.expired
    }

    /// A request and its answer.
    pub(super) async fn request(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<Answer, Failure> {
        self.next += 1;
        let id = self.next;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let response = self.post(method, &message).await?;
        let status = response.status();
        self.expired = status == StatusCode::NOT_FOUND && self.session.is_some();
        if let Some(session) = response.headers().get(SESSION) {
            self.session = Some(session.clone());
        }
        let answer = read(response, id).await?;
        match answer {
            // An error of the protocol tells more than the status that carries it.
            Some(answer) if status.is_success() || matches!(answer, Answer::Error { .. }) => {
                Ok(answer)
            }
            _ if !status.is_success() => Err(Failure::new(
                Reason::HttpStatus,
                format!("{method}: status {}", status.as_u16()),
            )),
            _ => Err(Failure::new(
                Reason::BadJson,
                format!("{method}: no answer in the response"),
            )),
        }
    }

    /// Sends a notification.
    pub(super) async fn notify(&mut self, method: &str) -> Result<(), Failure> {
        let message = json!({"jsonrpc": "2.0", "method": method});
        let status = self.post(method, &message).await?.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Failure::new(
            Reason::HttpStatus,
            format!("{method}: status {}", status.as_u16()),
        ))
    }

    async fn post(&self, method: &str, message: &Value) -> Result<Response, Failure> {
        let mut request = self.client.post(&self.url).headers(self.headers.clone());
        request = request
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json");
        if let Some(version) = &self.version {
            request = request.header("mcp-protocol-version", version);
        }
        if self.modern {
            request = request.header("mcp-method", method);
        }
        if let Some(session) = &self.session {
            request = request.header(SESSION, session.clone());
        }
        request
            .body(message.to_string())
            .send()
            .await
            .map_err(failed)
    }

    /// Ends the session, if there is one.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            let request = self.client.delete(&self.url).headers(self.headers);
            // A server that knows no DELETE forgets the session by itself.
            let _ = tokio::time::timeout(GOODBYE, request.header(SESSION, session).send()).await;
        }
    }
}

/// A client without redirects, which could carry a token elsewhere, and with a proxy for `https` alone.
fn client(url: &str) -> Result<Client, Failure> {
    // A second installation is refused, which is as good: the first one is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
    // A connection that is kept from one sweep to the next is one that the server may just be closing.
    let builder = builder.pool_max_idle_per_host(0);
    let builder = builder.user_agent(concat!("thunes-scheduler/", env!("CARGO_PKG_VERSION")));
    let built = if url.starts_with("https:") {
        builder.build()
    } else {
        // Without TLS the machine's root certificates are not needed, and a slim machine has none.
        builder.no_proxy().tls_certs_only([]).build()
    };
    built.map_err(failed)
}

/// The URL is never told: it may hold a token.
fn failed(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let reason = if error.is_decode() || error.is_body() {
        Reason::BadJson
    } else {
        Reason::Connect
    };
    Failure::new(reason, crate::engine::chain(&error))
}

/// The answer to request `id` in a response, which is JSON or a stream of events that may hold other messages.
async fn read(mut response: Response, id: u64) -> Result<Option<Answer>, Failure> {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let stream = kind.starts_with("text/event-stream");
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MOST_BYTES {
            let told = format!("the answer is larger than {MOST_BYTES} bytes");
            return Err(Failure::new(Reason::BadJson, told));
        }
        body.extend_from_slice(&chunk);
        // A stream may stay open long after the answer.
        if stream && let Some(answer) = in_events(&body, id) {
            return Ok(Some(answer));
        }
    }
    if stream {
        return Ok(None);
    }
    let message = serde_json::from_slice(&body).ok();
    Ok(message.and_then(|message| Answer::to(id, message)))
}

/// The answer among the events that are complete so far. The first event of a stream may be empty.
fn in_events(body: &[u8], id: u64) -> Option<Answer> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let (complete, _) = text.rsplit_once("\n\n")?;
    complete.split("\n\n").find_map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let data: Vec<&str> = lines
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        Answer::to(id, serde_json::from_str(&data.join("\n")).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_events() {
        let body = "id: 1\ndata: \n\nevent: message\ndata: {\"method\":\"x\"}\n\n\
                    event: message\r\ndata: {\"id\":7,\r\ndata: \"result\":{\"a\":1}}\r\n\r\ndata: {\"id\":8";
        assert!(
            matches!(in_events(body.as_bytes(), 7), Some(Answer::Result(result)) if result["a"] == 1)
        );
        assert!(in_events(body.as_bytes(), 8).is_none(), "not complete");
    }
}
