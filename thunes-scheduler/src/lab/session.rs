//! A session with an MCP server, in either era of the protocol; the era is chosen once for each session.
//!
//! `server/discover` comes first. A result means the newer era (2026-07-28), as does error -32022, which offers other
//! versions. Any other error, or silence, means the older one: `initialize`, then `ping`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::http::Http;
use super::verdict::{Level, Reason};
use super::wire::{Answer, Stdio};

/// The version of the newer era.
pub(super) const MODERN: &str = "2026-07-28";

/// The versions of the older era, the newest first.
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The server speaks the newer era, but not this version of it.
const UNSUPPORTED_VERSION: i64 = -32022;

/// Why a server is down, and how far the check had got.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) detail: String,
    pub(super) level: Level,
}

impl Failure {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            level: Level::Process,
        }
    }

    const fn at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

/// The two ways to a server.
#[derive(Debug)]
pub(super) enum Wire {
    /// Its process.
    Stdio(Box<Stdio>),
    /// Its address.
    Http(Box<Http>),
}

impl Wire {
    async fn request(&mut self, method: &str, params: &Value) -> Result<Answer, Failure> {
        match self {
            Self::Stdio(wire) => wire.request(method, params).await,
            Self::Http(wire) => wire.request(method, params).await,
        }
    }

    async fn notify(&mut self, method: &str) -> Result<(), Failure> {
        match self {
            Self::Stdio(wire) => wire.notify(method).await,
            Self::Http(wire) => wire.notify(method).await,
        }
    }

    /// What is odd about its output, if anything.
    fn oddities(&self) -> Option<String> {
        let Self::Stdio(wire) = self else { return None };
        let noise = wire.noise();
        (noise > 0).then(|| format!("{noise} lines on its output are no messages"))
    }

    fn stderr(&self) -> String {
        match self {
            Self::Stdio(wire) => wire.stderr(),
            Self::Http(_) => String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Modern,
    Legacy,
}

/// A server that has answered.
#[derive(Debug)]
pub(super) struct Session {
    wire: Wire,
    era: Era,
    pub(super) protocol: String,
    pub(super) level: Level,
    tools: String,
}

impl Session {
    /// Asks for a sign of life, in the session's era.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) async fn ping(&mut self, limit: Duration) -> Result<(), Failure> {
        let method = match self.era {
            Era::Modern => "server/discover",
            Era::Legacy => "ping",
        };
        let answer = timeout(limit, self.wire.request(method, &params(self.era))).await;
        let late = |_| Failure::new(Reason::PingTimeout, format!("no answer within {limit:?}"));
        let answer = answer.map_err(late).flatten();
        let result = answer.and_then(|answer| answer.result(method));
        result
            .map(drop)
            .map_err(|failure| failure.at(Level::Handshake))
    }

    /// Whether the server has forgotten the session, so that only a new one can tell how it is.
    pub(super) fn expired(&self) -> bool {
        matches!(&self.wire, Wire::Http(wire) if wire.expired())
    }

    /// What is to be told of it, for people.
    pub(super) fn detail(&self) -> String {
        match self.wire.oddities() {
            Some(odd) => format!("{}; {odd}", self.tools),
            None => self.tools.clone(),
        }
    }

    /// Says goodbye where the protocol has a way to.
    pub(super) async fn close(self) {
        if let Wire::Http(wire) = self.wire {
            wire.close().await;
        }
    }
}

fn listed(list: Answer) -> (Level, String) {
    match list.result("tools/list") {
        Ok(result) => match result["tools"].as_array().map_or(0, Vec::len) {
            0 => (Level::Ping, "it lists no tools".to_owned()),
            count => (Level::Tools, format!("{count} tools")),
        },
        Err(failure) => (Level::Ping, failure.detail),
    }
}

/// A session in the making: what is known of it when its time is over.
#[derive(Debug)]
pub(super) struct Attempt {
    wire: Wire,
    level: Level,
}

/// What a handshake came to.
#[derive(Debug)]
pub(super) struct Agreed {
    era: Era,
    protocol: String,
    level: Level,
    tools: String,
}

impl Attempt {
    pub(super) const fn new(wire: Wire) -> Self {
        let level = Level::Process;
        Self { wire, level }
    }

    /// Goes through the handshake, a ping and the list of tools. `silence` is how long no answer to `server/discover`
    /// counts as slow and not as the older era.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) async fn agree(&mut self, silence: Duration) -> Result<Agreed, Failure> {
        let (era, result) = self.find_era(silence).await?;
        let protocol = protocol_of(era, &result)?;
        self.level = Level::Handshake;
        if let Wire::Http(wire) = &mut self.wire {
            wire.agreed(&protocol, era == Era::Modern);
        }
        if era == Era::Legacy {
            let pinged = async {
                self.wire.notify("notifications/initialized").await?;
                let answer = self.wire.request("ping", &json!({})).await?;
                answer.result("ping")
            };
            pinged
                .await
                .map_err(|failure| failure.at(Level::Handshake))?;
        }
        self.level = Level::Ping;
        let (mut level, mut tools) = (Level::Ping, "it offers no tools".to_owned());
        if result["capabilities"].get("tools").is_some() {
            let list = self.wire.request("tools/list", &params(era)).await;
            (level, tools) = listed(list.map_err(|failure| failure.at(Level::Ping))?);
        }
        Ok(Agreed {
            era,
            protocol,
            level,
            tools,
        })
    }

    /// The session that was agreed on.
    pub(super) fn session(self, agreed: Agreed) -> Session {
        Session {
            wire: self.wire,
            era: agreed.era,
            protocol: agreed.protocol,
            level: agreed.level,
            tools: agreed.tools,
        }
    }

    /// Why there is no session after `limit`.
    pub(super) fn late(&self, limit: Duration) -> Failure {
        let (reason, odd) = match self.wire.oddities() {
            Some(odd) if self.level == Level::Process => (Reason::BadJson, format!(": {odd}")),
            _ => (Reason::StartTimeout, String::new()),
        };
        Failure::new(reason, format!("not up within {limit:?}{odd}")).at(self.level)
    }

    /// The end of what the server wrote to standard error.
    pub(super) fn stderr(&self) -> String {
        self.wire.stderr()
    }

    /// Finds out the era, and returns the answer that decided.
    async fn find_era(&mut self, silence: Duration) -> Result<(Era, Value), Failure> {
        match &mut self.wire {
            Wire::Stdio(wire) => agree_over_stdio(wire, silence).await,
            Wire::Http(wire) => {
                let asked = params(Era::Modern);
                let answer = timeout(silence, wire.request("server/discover", &asked));
                match answer.await {
                    Ok(Ok(Answer::Result(result))) => Ok((Era::Modern, result)),
                    Ok(Ok(Answer::Error { code, data, .. })) if code == UNSUPPORTED_VERSION => {
                        Err(unsupported(&data))
                    }
                    Ok(Err(failure)) if failure.reason == Reason::Connect => Err(failure),
                    Ok(_) | Err(_) => {
                        wire.forget();
                        let answer = wire.request("initialize", &hello()).await?;
                        Ok((Era::Legacy, answer.result("initialize")?))
                    }
                }
            }
        }
    }
}

async fn agree_over_stdio(wire: &mut Stdio, silence: Duration) -> Result<(Era, Value), Failure> {
    let discover = wire.send("server/discover", &params(Era::Modern)).await?;
    let mut waiting = vec![discover];
    // After a silence it may be of the older era, or slow to start: the first answer of the two decides.
    if let Ok(answered) = timeout(silence, wire.receive(&waiting)).await {
        match answered?.1 {
            Answer::Result(result) => return Ok((Era::Modern, result)),
            Answer::Error { code, data, .. } if code == UNSUPPORTED_VERSION => {
                return Err(unsupported(&data));
            }
            Answer::Error { .. } => waiting.clear(),
        }
    }
    let initialize = wire.send("initialize", &hello()).await?;
    waiting.push(initialize);
    loop {
        let (id, answer) = wire.receive(&waiting).await?;
        match answer {
            Answer::Result(result) if id == discover => return Ok((Era::Modern, result)),
            Answer::Error { code, data, .. } if code == UNSUPPORTED_VERSION => {
                return Err(unsupported(&data));
            }
            Answer::Error { .. } if id == discover => waiting.retain(|one| *one != discover),
            answer => return Ok((Era::Legacy, answer.result("initialize")?)),
        }
    }
}

/// The server speaks the newer era in versions that do not include ours; falling back is not allowed then.
fn unsupported(data: &Value) -> Failure {
    let offers = data.get("supported").cloned().unwrap_or_default();
    Failure::new(
        Reason::Version,
        format!("it speaks {offers}, and we {MODERN}"),
    )
}

fn protocol_of(era: Era, result: &Value) -> Result<String, Failure> {
    match era {
        Era::Modern => Ok(MODERN.to_owned()),
        Era::Legacy => {
            let version = result["protocolVersion"].as_str().unwrap_or("none");
            if LEGACY.contains(&version) {
                return Ok(version.to_owned());
            }
            let told = format!("it speaks {version:?}, and we {}", LEGACY.join(", "));
            Err(Failure::new(Reason::Version, told))
        }
    }
}

/// Parameters without content; in the newer era every request says who asks.
fn params(era: Era) -> Value {
    match era {
        Era::Legacy => json!({}),
        Era::Modern => json!({"_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": us(),
            "io.modelcontextprotocol/clientCapabilities": {},
        }}),
    }
}

fn hello() -> Value {
    json!({"protocolVersion": LEGACY[0], "capabilities": {}, "clientInfo": us()})
}

fn us() -> Value {
    json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")})
}
