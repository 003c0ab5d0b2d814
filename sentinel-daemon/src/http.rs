//! One bounded HTTP call: a time limit over the whole of it, a size limit, and every failure a closed kind.

use std::error::Error;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;

use crate::metrics::ErrorCode;
use crate::signal::NotProbabilities;

/// An answer larger than this is refused. The largest honest one, thousands of bars, is about a quarter of it.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Why a call to an HTTP service failed. The URL is in none of them, as it may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service wants a token and none is set.
    #[error("no API token is set (EODHD_API_TOKEN); no call was made")]
    NoApiKey,
    /// The answer held no data.
    #[error("the answer is empty")]
    Empty,
    /// No complete answer in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] reqwest::Error),
    /// The connection is not secure.
    #[error("cannot make a secure connection")]
    Tls(#[source] reqwest::Error),
    /// The answer is not JSON of the documented shape. What stands there is not told, as a server may have put the token
    /// there.
    #[error("the answer is not the JSON that was expected, from line {line} column {column} on")]
    BadJson {
        /// Line of the answer.
        line: usize,
        /// Column in it.
        column: usize,
    },
    /// The answer is JSON, but breaks a rule of the protocol.
    #[error("the answer breaks the protocol: {0}")]
    BadAnswer(String),
    /// The answer is no probabilities.
    #[error("the answer is unfit to trade on")]
    NotProbabilities(#[from] NotProbabilities),
    /// The answer is too large.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// A status other than success.
    #[error("status {0}")]
    Status(u16),
    /// Anything else that went wrong on the way.
    #[error("the call failed")]
    Exception(#[source] reqwest::Error),
}

impl CallError {
    /// The kind, as the label `error_code`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NoApiKey => ErrorCode::NoApiKey,
            Self::Empty => ErrorCode::EmptyResponse,
            Self::Timeout(_) => ErrorCode::Timeout,
            Self::Connect(_) => ErrorCode::Connect,
            Self::Tls(_) => ErrorCode::Tls,
            Self::BadJson { .. } | Self::BadAnswer(_) | Self::NotProbabilities(_) => {
                ErrorCode::BadJson
            }
            Self::TooLarge(_) => ErrorCode::TooLarge,
            Self::Status(status) => ErrorCode::of_status(*status),
            Self::Exception(_) => ErrorCode::Exception,
        }
    }
}

/// A client for `base`, whose calls take at most `limit`.
///
/// It follows no redirects, which could carry a token elsewhere, and uses a proxy for `https` alone, so that one
/// set in the environment does not come between the daemon and its neighbours.
///
/// # Errors
/// TLS could not be set up.
pub fn client(base: &str, limit: Duration) -> Result<Client, reqwest::Error> {
    // A second installation is refused, which is as good: the first one is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("sentinel-daemon/", env!("CARGO_PKG_VERSION")));
    if base.starts_with("https:") {
        return builder.build();
    }
    // Without TLS the machine's root certificates are not needed, and a slim machine has none.
    builder.no_proxy().tls_certs_only([]).build()
}

/// Sends `request` and reads the answer's JSON. `limit` is the client's, for the error's text.
///
/// # Errors
/// [`CallError`].
pub async fn call<T: DeserializeOwned>(
    request: RequestBuilder,
    limit: Duration,
) -> Result<(reqwest::header::HeaderMap, T), CallError> {
    let failed = |error| classify(error, limit);
    let mut response = request.send().await.map_err(failed)?;
    if response.status() != StatusCode::OK {
        return Err(CallError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(CallError::TooLarge(MOST_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    if body.trim_ascii().is_empty() {
        return Err(CallError::Empty);
    }
    let json = serde_json::from_slice(&body).map_err(|error| CallError::BadJson {
        line: error.line(),
        column: error.column(),
    })?;
    Ok((response.headers().clone(), json))
}

fn classify(error: reqwest::Error, limit: Duration) -> CallError {
    let error = error.without_url();
    if error.is_timeout() {
        CallError::Timeout(limit)
    } else if caused_by_tls(&error) {
        CallError::Tls(error)
    } else if error.is_connect() {
        CallError::Connect(error)
    } else {
        CallError::Exception(error)
    }
}

/// Whether rustls is anywhere in the chain of causes, also inside an I/O error, which hides it from `source`; or
/// the peer went away in the middle of the handshake, as only TLS waits for more while connecting.
fn caused_by_tls(error: &reqwest::Error) -> bool {
    let connecting = error.is_connect();
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        let io = error.downcast_ref::<std::io::Error>();
        if connecting && io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        let inside = io.and_then(std::io::Error::get_ref);
        cause = inside
            .map(|inside| inside as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    false
}

/// The whole chain of an error's causes in one line.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = line + ": " + &error.to_string();
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What a server that answers with exactly these bytes makes of a call.
    async fn code_of(answer: &'static [u8], limit: Duration) -> ErrorCode {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/?token=secret", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(answer).await.unwrap();
            // Held open until the client goes: what is missing never comes.
            let _ = stream.read(&mut [0]).await;
        });
        let client = client(&url, limit).unwrap();
        let error = call::<Vec<u8>>(client.get(&url), limit).await.unwrap_err();
        assert!(!chain(&error).contains("secret"), "{}", chain(&error));
        drop(client);
        server.abort();
        error.code()
    }

    #[tokio::test]
    async fn every_failure_has_its_code() {
        let long = Duration::from_mins(1);
        for (answer, code) in [
            (
                &b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"[..],
                ErrorCode::Http503,
            ),
            (
                b"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
                ErrorCode::HttpOther,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n \n",
                ErrorCode::EmptyResponse,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n[\"secret77\"",
                ErrorCode::BadJson,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{..",
                ErrorCode::BadJson,
            ),
            (b"no http at all\r\n\r\n", ErrorCode::Exception),
        ] {
            assert_eq!(code_of(answer, long).await, code);
        }
        let unfinished = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,";
        assert_eq!(
            code_of(unfinished, Duration::from_millis(200)).await,
            ErrorCode::Timeout
        );
    }

    #[tokio::test]
    async fn a_closed_port_and_a_plain_server_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let limit = Duration::from_mins(1);
        let https = format!("https://{addr}/");
        let plain = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream
                .write_all(b"HTTP/1.1 400 no TLS here\r\n\r\n")
                .await
                .unwrap();
            drop(listener);
        });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .build()
            .unwrap();
        let error = call::<Vec<u8>>(client.get(&https), limit)
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Tls, "{}", chain(&error));
        plain.await.unwrap();
        let error = call::<Vec<u8>>(client.get(format!("http://{addr}/")), limit)
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Connect, "{}", chain(&error));
    }
}
