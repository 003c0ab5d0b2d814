//! The counterparts that run inside the daemon, each only where no other one is given.

use std::io;
use std::path::Path;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Mode};
use crate::counterpart::gateway::{self, PaperConfig, PaperServer};
use crate::counterpart::model as model_server;
use crate::counterpart::prices::{self, Prices};
use crate::gateway::signature::RiskKey;
use crate::model::Model;
use crate::state::{FolderError, HeldFile, PAPER_ACCOUNT};

/// Why a counterpart does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Loopback cannot be listened on.
    #[error("cannot listen on loopback")]
    Listen(#[source] io::Error),
    /// The paper gateway.
    #[error("the paper gateway")]
    Gateway(#[source] gateway::ServeError),
    /// The folder for state.
    #[error("the paper gateway")]
    State(#[from] FolderError),
}

/// The counterparts' addresses, embedded or given.
#[derive(Debug)]
pub(crate) struct Counterparts {
    pub(crate) vendor: String,
    pub(crate) hub: String,
    /// None in a dry run.
    pub(crate) gateway: Option<String>,
    pub(crate) risk_key: Option<RiskKey>,
    paper: Option<PaperServer>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Counterparts {
    /// Starts those that are not given.
    ///
    /// # Errors
    /// [`EmbeddedError`]; those that were started end with the value that is not returned.
    pub(crate) async fn start(config: &Config) -> Result<Self, EmbeddedError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let vendor = match &config.vendor {
            Some(given) => given.clone(),
            None => {
                let (listener, url) = listen().await?;
                tasks.spawn(tell(
                    "price server",
                    prices::serve(listener, Prices::shipped(), stop.clone()),
                ));
                url
            }
        };
        let hub = match &config.hub {
            Some(given) => given.clone(),
            None => {
                let (listener, url) = listen().await?;
                tasks.spawn(tell(
                    "model server",
                    model_server::serve(listener, Model::shipped(), stop.clone()),
                ));
                url
            }
        };
        let (mut risk_key, mut paper) = (config.risk_key.clone(), None);
        let gateway = match (config.mode, &config.gateway) {
            (Mode::DryRun, _) => None,
            (_, Some(given)) => Some(given.clone()),
            (_, None) => {
                let key = risk_key.get_or_insert_with(RiskKey::random).clone();
                let server = paper_gateway(config.state_dir.as_deref(), key, stop.clone())?;
                let endpoint = server.endpoint().to_owned();
                paper = Some(server);
                Some(endpoint)
            }
        };
        tasks.close();
        Ok(Self {
            vendor,
            hub,
            gateway,
            risk_key,
            paper,
            tasks,
            stop,
        })
    }

    /// Ends those that were started, and waits for them.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
        if let Some(paper) = self.paper
            && let Err(error) = paper.finished().await
        {
            tracing::error!(%error, "the paper gateway ended badly");
        }
    }
}

fn paper_gateway(
    state_dir: Option<&Path>,
    key: RiskKey,
    stop: CancellationToken,
) -> Result<PaperServer, EmbeddedError> {
    let account = state_dir.map(|folder| HeldFile::take(folder, PAPER_ACCOUNT));
    let config = PaperConfig {
        risk_key: Some(key),
        state_file: account.transpose()?,
        ..PaperConfig::default()
    };
    gateway::serve("tcp://127.0.0.1:0", config, stop).map_err(EmbeddedError::Gateway)
}

async fn listen() -> Result<(TcpListener, String), EmbeddedError> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(EmbeddedError::Listen)?;
    let addr = listener.local_addr().map_err(EmbeddedError::Listen)?;
    Ok((listener, format!("http://{addr}")))
}

async fn tell(what: &'static str, serving: impl Future<Output = io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "the {what} ended badly");
    }
}
