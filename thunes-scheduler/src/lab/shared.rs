//! The LAB as jobs share it: on threads of its own, so that whatever hangs under it holds up nothing else.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{CLOSE, Lab, Report};
use crate::config::LabSettings;
use crate::guard::Guard;

/// How many threads it has. They wait for children most of the time.
const THREADS: usize = 2;

/// How long closing the LAB may take beyond the time its children have.
const PATIENCE: Duration = Duration::from_secs(1);

/// The LAB and what its last sweep found; shared by the job that sweeps and those that tell.
#[derive(Clone)]
pub struct SharedLab(Arc<Inner>);

struct Inner {
    lab: Mutex<Option<Lab>>,
    last: std::sync::Mutex<Option<Report>>,
    threads: Threads,
}

#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            // Without waiting: a thread may hang in a file system for good.
            threads.shutdown_background();
        }
    }
}

impl SharedLab {
    /// No LAB yet.
    ///
    /// # Errors
    /// Its threads cannot be started.
    pub fn new() -> io::Result<Self> {
        let threads = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("lab")
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Inner {
            lab: Mutex::default(),
            last: std::sync::Mutex::default(),
            threads: Threads(Some(threads)),
        })))
    }

    /// Does work on the LAB's threads; dropped, it ends at its next pause.
    async fn work<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let threads = self.0.threads.0.as_ref();
        let task = threads.expect("there until it is dropped").spawn(work);
        match AbortOnDropHandle::new(task).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The threads are gone, and the process is about to be.
            Err(_) => std::future::pending().await,
        }
    }

    /// What the last sweep found.
    #[must_use]
    pub fn last(&self) -> Option<Report> {
        let last = self.0.last.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sweeps the LAB, if there is one.
    pub async fn sweep(&self) -> Option<Report> {
        let inner = Arc::clone(&self.0);
        self.work(async move {
            let report = inner.lab.lock().await.as_mut()?.sweep().await;
            let kept = Some(report.clone());
            *inner.last.lock().unwrap_or_else(PoisonError::into_inner) = kept;
            Some(report)
        })
        .await
    }

    /// Goes on with these settings, or without a LAB, once the sweep that is under way has ended.
    pub async fn configure(&self, settings: Option<LabSettings>, guard: &Guard) {
        let (inner, guard) = (Arc::clone(&self.0), guard.clone());
        self.work(async move {
            let mut lab = inner.lab.lock().await;
            match (lab.as_mut(), settings) {
                (Some(lab), Some(settings)) => lab.reconfigure(settings),
                (_, settings) => *lab = settings.map(|settings| Lab::new(settings, guard)),
            }
        })
        .await;
    }

    /// Ends every child.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        let closed = self.work(async move {
            if let Some(lab) = inner.lab.lock().await.take() {
                lab.close().await;
            }
        });
        if timeout(CLOSE + PATIENCE, closed).await.is_err() {
            tracing::warn!("the LAB hangs; the guards end its children");
        }
    }
}
