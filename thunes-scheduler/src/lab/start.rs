//! One start of a server: its process or connection, the handshake, and what it means when it fails.

use tokio::time::timeout;

use super::child::{Command, resolve};
use super::definition::Reach;
use super::http::Http;
use super::session::{Attempt, Failure, Session, Wire};
use super::target::Context;
use super::verdict::{Level, Reason, State, Verdict};
use super::wire::Stdio;
use crate::guard::Streams;

/// What to start, and with what.
pub(super) struct Plan {
    pub(super) context: Context,
    pub(super) reach: Reach,
    pub(super) secrets: Vec<String>,
}

/// Starts a server and agrees on a session, within the start timeout, which counts from the start of the process.
pub(super) async fn start(plan: Plan) -> Result<Session, Verdict> {
    let settings = &plan.context.settings;
    let wire = match &plan.reach {
        Reach::Http { url, headers } => {
            Http::new(url, headers).map(|wire| Wire::Http(Box::new(wire)))
        }
        Reach::Stdio { .. } => plan.process().await,
    };
    let mut attempt = Attempt::new(wire.map_err(|failure| plan.verdict(failure, ""))?);
    let limit = settings.start_timeout;
    // Asked in both eras, a server of the newer one may lock itself into neither: a slow start is waited for first.
    let silence = settings.ping_timeout.max(limit / 2);
    let agreed = match timeout(limit, attempt.agree(silence)).await {
        Ok(agreed) => agreed,
        Err(_) => Err(attempt.late(limit)),
    };
    match agreed {
        Ok(agreed) => Ok(attempt.session(agreed)),
        Err(failure) => Err(plan.verdict(failure, &attempt.stderr())),
    }
}

impl Plan {
    async fn process(&self) -> Result<Wire, Failure> {
        let Reach::Stdio {
            command,
            args,
            env,
            folder,
        } = &self.reach
        else {
            return Err(Failure::new(Reason::Internal, "not a process"));
        };
        let given = env.iter().find(|(name, _)| name == "PATH");
        let path = given.map(|(_, path)| path.clone());
        let path = path
            .or_else(|| std::env::var("PATH").ok())
            .unwrap_or_default();
        // A path counts from the server's folder, a bare name is looked for.
        let named = if command.contains('/') {
            folder.join(command).to_string_lossy().into_owned()
        } else {
            command.clone()
        };
        let program = resolve(&named, &path).ok_or_else(|| {
            Failure::new(Reason::Spawn, format!("there is no command {command:?}"))
        })?;
        let command = Command {
            program,
            args: args.clone(),
            env: env.clone(),
            folder: Some(folder.clone()),
        };
        self.context.gate.turn().await;
        let child = self.context.nursery.start(&command, Streams::Piped);
        let child = child.map_err(|error| Failure::new(Reason::Spawn, error.to_string()))?;
        Ok(Wire::Stdio(Box::new(Stdio::new(child))))
    }

    fn verdict(&self, failure: Failure, stderr: &str) -> Verdict {
        let ended = failure.reason == Reason::Exit && failure.level == Level::Process;
        if let Some(name) = missing_key(stderr, |name| self.is_set(name)).filter(|_| ended) {
            let told = format!("variable {name} is not set: the server ended and named it");
            return Verdict::new(State::NotConfigured, told);
        }
        Verdict::failed(failure).redacted(&self.secrets)
    }

    fn is_set(&self, name: &str) -> bool {
        let given = match &self.reach {
            Reach::Stdio { env, .. } => env
                .iter()
                .any(|(known, value)| known == name && !value.is_empty()),
            Reach::Http { .. } => false,
        };
        given || std::env::var_os(name).is_some_and(|value| !value.is_empty())
    }
}

/// The key that a server which ended at once complains of: some take theirs from an environment that their definition
/// does not mention.
fn missing_key(stderr: &str, is_set: impl Fn(&str) -> bool) -> Option<String> {
    let words = stderr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut keys = words.filter(|word| {
        let ends = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"];
        ends.iter().any(|end| word.ends_with(end))
            && word
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && !word.starts_with('_')
    });
    keys.find(|key| !is_set(key)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_server_misses_is_found_in_its_complaint() {
        let says = "Error: PERPLEXITY_API_KEY environment variable is required";
        assert_eq!(
            missing_key(says, |_| false).as_deref(),
            Some("PERPLEXITY_API_KEY")
        );
        assert_eq!(missing_key(says, |_| true), None);
        assert_eq!(missing_key("TypeError: key of API_KEYS", |_| false), None);
    }
}
