//! A server that is spoken to: one session, kept warm and pinged each sweep, or started anew every so often.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::definition::{Definition, Reach};
use super::session::{Failure, Session};
use super::start::{Plan, start};
use super::target::{Checked, Context};
use super::verdict::{Reason, State, Verdict};

/// The first and the longest pause before a server is started again.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// As long as a scheduler may run.
const FOR_GOOD: Duration = Duration::from_hours(24 * 365 * 10);

/// So many pings in a row without an answer, and the server is started anew.
const LATE_PINGS: u32 = 2;

/// A server and its session.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) definition: Definition,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    phase: Phase,
    /// Whether a start costs a process, so that it is not tried again in each sweep.
    starts_process: bool,
    /// Sessions that failed since one last answered a ping of a later sweep.
    failures: u32,
}

#[derive(Debug)]
enum Phase {
    /// There is no session; up to a time the last verdict holds, and then a new one is made.
    Idle(Instant, Option<Verdict>),
    /// A session is in the making; it goes on when the sweep ends.
    Starting(AbortOnDropHandle<Result<Session, Verdict>>),
    /// There is a session, and so many pings in a row were not answered.
    Ready(Box<Session>, u32),
}

impl Server {
    pub(super) fn new(definition: Definition) -> Self {
        let watch = Mutex::new(Watch {
            phase: Phase::Idle(Instant::now(), None),
            starts_process: matches!(definition.reach, Ok(Reach::Stdio { .. })),
            failures: 0,
        });
        Self { definition, watch }
    }

    /// The verdict of a sweep that ends at `until`.
    pub(super) async fn check(&self, context: &Context, until: Instant) -> Checked {
        let reach = match &self.definition.reach {
            Ok(reach) => reach.clone(),
            Err(why) => return (Verdict::new(State::NotConfigured, why.clone()), false),
        };
        let begin = Instant::now();
        let start = || {
            let plan = Plan {
                context: context.clone(),
                reach: reach.clone(),
                secrets: self.definition.secrets.clone(),
            };
            Phase::Starting(AbortOnDropHandle::new(tokio::spawn(start(plan))))
        };
        let mut watch = self.watch.lock().await;
        if let Phase::Idle(until, Some(last)) = &watch.phase
            && *until > begin
        {
            return (last.clone(), false);
        }
        let verdict = match watch.ping(context).await {
            Some(verdict) => verdict,
            None => {
                if !matches!(watch.phase, Phase::Starting(_)) {
                    watch.phase = start();
                }
                watch.await_start(context, until).await
            }
        };
        let verdict = verdict.redacted(&self.definition.secrets);
        (verdict.took(begin.elapsed()), true)
    }
}

impl Watch {
    async fn await_start(&mut self, context: &Context, until: Instant) -> Verdict {
        let Phase::Starting(task) = &mut self.phase else {
            return Verdict::down(Reason::Internal, "nothing starts");
        };
        let Ok(started) = timeout_at(until, task).await else {
            return Verdict::new(State::Starting, "within its time to start");
        };
        match started {
            Ok(Ok(session)) => self.welcome(session, context).await,
            Ok(Err(verdict)) => self.rest(verdict),
            Err(error) => self.rest(Verdict::down(Reason::Internal, error.to_string())),
        }
    }

    /// A new session: it is kept, or closed until the next cold start.
    async fn welcome(&mut self, session: Session, context: &Context) -> Verdict {
        let verdict = up(&session);
        self.phase = match context.settings.cold {
            None => Phase::Ready(Box::new(session), 0),
            Some(pause) => {
                session.close().await;
                self.failures = 0;
                Phase::Idle(Instant::now() + pause, Some(verdict.clone()))
            }
        };
        verdict
    }

    /// Pings the session; `None` if there is none, or none any more.
    async fn ping(&mut self, context: &Context) -> Option<Verdict> {
        let Phase::Ready(session, late) = &mut self.phase else {
            return None;
        };
        let verdict = match session.ping(context.settings.ping_timeout).await {
            Ok(()) => {
                *late = 0;
                self.failures = 0;
                up(session)
            }
            Err(_) if session.expired() => return None,
            Err(failure) => {
                *late += 1;
                let alive = failure.reason == Reason::PingTimeout && *late < LATE_PINGS;
                let mut verdict = Verdict::failed(failure);
                verdict.protocol = Some(session.protocol.clone());
                if alive { verdict } else { self.rest(verdict) }
            }
        };
        Some(verdict)
    }

    /// Lets go of the session, and of the server's process with it, for a while that doubles.
    fn rest(&mut self, verdict: Verdict) -> Verdict {
        let doubled = BACK_OFF.0.saturating_mul(1 << self.failures.min(16));
        let pause = match verdict.state {
            // What it lacks it can only be given by a new definition, or to a new scheduler.
            State::NotConfigured => FOR_GOOD,
            _ if !self.starts_process => Duration::ZERO,
            _ => doubled.min(BACK_OFF.1),
        };
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Idle(Instant::now() + pause, Some(verdict.clone()));
        verdict
    }
}

fn up(session: &Session) -> Verdict {
    let mut verdict = Verdict::new(State::Up, session.detail());
    verdict.level = session.level;
    verdict.protocol = Some(session.protocol.clone());
    verdict
}

impl Verdict {
    pub(super) fn failed(failure: Failure) -> Self {
        let mut verdict = Self::down(failure.reason, failure.detail);
        verdict.level = failure.level;
        verdict
    }

    /// Takes out what variables were expanded to: servers do print their keys when they complain of them.
    pub(super) fn redacted(mut self, secrets: &[String]) -> Self {
        for secret in secrets
            .iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
        {
            self.detail = self.detail.replace(secret.as_str(), "***");
        }
        self
    }
}

/// A shorter value hides nothing, and taking it out would take words apart.
const SHORTEST_SECRET: usize = 4;
