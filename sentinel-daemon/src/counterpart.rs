//! The three parties a trading loop talks to, as small servers of our own: prices, model, gateway.

mod command;
pub mod gateway;
pub mod model;
pub mod prices;
pub mod traffic;

pub use command::{BindError, serve_gateway, serve_model, serve_prices};

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a server that is told to stop waits for requests under way.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves `router` until `stop`; then takes no more connections, and leaves those still busy after `drain`.
///
/// Idle connections are closed at once; a request that does not end would otherwise keep the server for ever.
async fn serve_http(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = overdue => Ok(()),
    }
}

/// What the tests of the servers share: a server on a free port, and a client for it.
#[cfg(test)]
mod bench {
    use super::*;
    use tokio::task::JoinHandle;

    /// A server running for the length of a test.
    pub(super) struct Running {
        /// Address of the server, `http://127.0.0.1:port`.
        pub(super) url: String,
        pub(super) client: reqwest::Client,
        stop: CancellationToken,
        served: JoinHandle<io::Result<()>>,
    }

    impl Running {
        /// Starts what `serve` makes of a listener and a token.
        pub(super) async fn start<F>(
            serve: impl FnOnce(TcpListener, CancellationToken) -> F,
        ) -> Self
        where
            F: Future<Output = io::Result<()>> + Send + 'static,
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let stop = CancellationToken::new();
            let served = tokio::spawn(serve(listener, stop.clone()));
            // Another test may have installed it already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            Self {
                url,
                client,
                stop,
                served,
            }
        }

        /// Stops the server and hands back how it ended.
        pub(super) async fn stop(self) -> io::Result<()> {
            self.stop.cancel();
            self.served.await.unwrap()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bench::Running;
    use super::*;
    use axum::routing::get;

    /// Longer than any test; a server that needs it hangs its test.
    const NEVER: Duration = Duration::from_secs(100_000);

    async fn hello(drain: Duration) -> Running {
        let router = Router::new().route("/", get(async || "hello"));
        Running::start(move |listener, stop| serve_http(listener, router, stop, drain)).await
    }

    #[tokio::test]
    async fn stopped_server_does_not_wait_for_an_idle_connection() {
        let running = hello(NEVER).await;
        let reply = running.client.get(&running.url).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "hello");
        // The client keeps the connection open for its next request.
        running.stop().await.unwrap();
    }

    #[tokio::test]
    async fn stopped_server_leaves_a_request_that_does_not_end() {
        let under_way = CancellationToken::new();
        let begun = under_way.clone();
        let endless = get(async move || {
            begun.cancel();
            std::future::pending::<()>().await;
        });
        let router = Router::new().route("/", endless);
        let drain = Duration::from_millis(1);
        let running =
            Running::start(move |listener, stop| serve_http(listener, router, stop, drain)).await;
        let request = tokio::spawn(running.client.get(&running.url).send());
        under_way.cancelled().await;
        running.stop().await.unwrap();
        request.abort();
    }
}
