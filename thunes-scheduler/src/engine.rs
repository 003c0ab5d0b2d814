//! The job engine: each job in a task of its own, so that none can delay another.
//!
//! Times are UTC. What an engine must still know after `kill -9` is in its [`Store`]. Which jobs there are is not
//! known here.

mod alarm;
mod clock;
mod job;
mod runner;
mod store;
#[cfg(test)]
mod tests;
mod trigger;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use clock::{SystemClock, WallClock};
pub use job::{Body, Delivery, Job, JobStatus, MISFIRE_GRACE, Outcome, Run, SkipReason, Trouble};
pub use store::{Record, Store, StoreError};
pub use trigger::{Trigger, TriggerError};

use crate::metrics::JobSeries;
use runner::Runner;

pub(crate) use runner::chain;

/// What is known of every job of an engine, for listings and summaries.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, JobStatus>>>);

impl Board {
    /// The jobs by name.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobStatus> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.values().cloned().collect()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut JobStatus)) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = jobs.get_mut(name) {
            change(status);
        }
    }

    fn add(&self, status: JobStatus) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.insert(status.name.clone(), status);
    }

    fn remove(&self, name: &str) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.remove(name);
    }
}

/// A job that was started.
#[derive(Debug)]
struct Started {
    patience: Duration,
    retire: CancellationToken,
    abort: CancellationToken,
    task: JoinHandle<()>,
}

/// Runs jobs at their times. It must be ended with [`Engine::drain`]; dropped, it aborts what runs.
pub struct Engine {
    clock: Arc<dyn WallClock>,
    store: Store,
    board: Board,
    jobs: BTreeMap<String, Started>,
}

impl Engine {
    /// An engine without jobs.
    #[must_use]
    pub fn new(clock: Arc<dyn WallClock>, store: Store) -> Self {
        let (board, jobs) = (Board::default(), BTreeMap::new());
        Self {
            clock,
            store,
            board,
            jobs,
        }
    }

    /// What is known of the jobs; stays current.
    #[must_use]
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Starts a job. One of the same name is retired first: it starts nothing more, and what it runs is ended by its
    /// own timeout.
    ///
    /// # Errors
    /// The job's state is there and cannot be used.
    pub fn start(&mut self, job: Job) -> Result<(), StoreError> {
        let journal = self.store.journal(&job.name)?;
        let before = self.jobs.remove(&job.name).map(|before| {
            before.retire.cancel();
            before.task
        });
        self.board.add(JobStatus::new(&job, &journal.record()));
        let (name, patience) = (job.name.clone(), job.patience);
        let (retire, abort) = (CancellationToken::new(), CancellationToken::new());
        let runner = Runner {
            series: JobSeries::new(&name, journal.record().last_success),
            job,
            clock: Arc::clone(&self.clock),
            journal,
            board: self.board.clone(),
            retire: retire.clone(),
            abort: abort.clone(),
        };
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // Never two instances of a job, however often it is replaced.
                let _ = before.await;
            }
            runner.run().await;
        });
        let started = Started {
            patience,
            retire,
            abort,
            task,
        };
        self.jobs.insert(name, started);
        Ok(())
    }

    /// Ends a job: nothing of it starts any more. `false` if there is none of that name.
    pub fn retire(&mut self, name: &str) -> bool {
        self.board.remove(name);
        self.jobs
            .remove(name)
            .inspect(|job| job.retire.cancel())
            .is_some()
    }

    /// Starts nothing more, waits for what runs as long as each job's patience, and then cancels it.
    pub async fn drain(mut self) {
        let mut ends = JoinSet::new();
        for (name, mut job) in std::mem::take(&mut self.jobs) {
            job.retire.cancel();
            ends.spawn(async move {
                if timeout(job.patience, &mut job.task).await.is_err() {
                    tracing::warn!("job {name} still runs after {:?}: cancelled", job.patience);
                    job.abort.cancel();
                    // What a cancelled run does last (it says so) takes no time, but a body may hold the thread.
                    let _ = timeout(Duration::from_secs(1), &mut job.task).await;
                }
            });
        }
        ends.join_all().await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for job in self.jobs.values() {
            job.abort.cancel();
            job.task.abort();
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}
