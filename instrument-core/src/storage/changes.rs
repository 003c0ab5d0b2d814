//! How the page learns of what is registered. Cold.
//!
//! Threads that register send; renders receive, and own the page. Sending to a channel without a bound waits for
//! nobody, and neither side takes a lock that the other waits for. So a render of a hundred thousand series delays no
//! thread that meets a new label value, even if the render is put to sleep in the middle.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::family::{Described, Family, Page, Series};

/// One more thing for the page.
pub(super) enum Change {
    Family(Box<Family>),
    /// The description of a family that is there.
    Describe(Arc<str>, Described),
    /// A series of that family is on the page from now on.
    List(Arc<str>, Arc<Series>),
    Unlist(Arc<str>, Arc<Series>),
}

/// With so many changes unseen, as in a program that nobody scrapes, the thread that makes one more takes them to the
/// page itself, if no render is at it.
const MANY: usize = 4096;

/// The page, and what it does not know yet.
pub(super) struct Changes {
    send: Sender<Change>,
    unseen: AtomicUsize,
    page: Mutex<Received>,
}

struct Received {
    changes: Receiver<Change>,
    page: Page,
}

/// The page as it is now, for one render at a time.
pub(crate) struct Current<'a>(MutexGuard<'a, Received>);

impl Deref for Current<'_> {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.0.page
    }
}

impl Changes {
    pub(super) fn new(page: Page) -> Self {
        let (send, changes) = mpsc::channel();
        Self {
            send,
            unseen: AtomicUsize::new(0),
            page: Mutex::new(Received { changes, page }),
        }
    }

    /// Never waits.
    pub(super) fn send(&self, change: Change) {
        let unseen = self.unseen.fetch_add(1, Ordering::Relaxed);
        // It cannot fail: the receiver is ours, so it is there.
        let _ = self.send.send(change);
        if unseen >= MANY {
            match self.page.try_lock() {
                Ok(mut page) => self.receive(&mut page),
                Err(TryLockError::Poisoned(page)) => self.receive(&mut page.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
    }

    #[cfg(test)]
    pub(super) fn unseen(&self) -> usize {
        self.unseen.load(Ordering::Relaxed)
    }

    /// Waits for other renders only.
    pub(super) fn page(&self) -> Current<'_> {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.receive(&mut page);
        Current(page)
    }

    fn receive(&self, to: &mut Received) {
        while let Ok(change) = to.changes.try_recv() {
            self.unseen.fetch_sub(1, Ordering::Relaxed);
            to.page.apply(change);
        }
    }
}

impl Page {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Family(family) => {
                self.families.insert(Arc::clone(&family.name), *family);
            }
            Change::Describe(name, described) => {
                if let Some(family) = self.families.get_mut(&name) {
                    family.described = described;
                }
            }
            Change::List(name, series) => {
                if let Some(family) = self.families.get_mut(&name) {
                    family.series.insert(series);
                }
            }
            Change::Unlist(name, series) => {
                if let Some(family) = self.families.get_mut(&name) {
                    family.series.remove(&series.key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics::Recorder as _;

    use super::*;
    use crate::exposition::Samples;
    use crate::storage::Options;
    use crate::storage::tests::{key, recorder};

    const METADATA: metrics::Metadata<'_> = metrics::Metadata::new("", metrics::Level::INFO, None);

    /// Were a lock shared, this would stop for ever: the page is held while other threads do all that recorders do.
    #[test]
    fn nothing_that_records_or_registers_waits_for_a_render() {
        let recorder = recorder(Options {
            summaries: vec!["s*".to_owned()],
            ..Options::default()
        });
        let known = recorder.register_counter(&key("known", &[]), &METADATA);
        let page = recorder.registry().page();
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                known.increment(1);
                known.absolute(7);
                recorder.describe_counter("known".into(), None, "Help.".into());
                for i in 0..2 * MANY {
                    let value = i.to_string();
                    let new = key("new", &[("i", &value)]);
                    recorder.register_counter(&new, &METADATA).increment(1);
                }
                recorder.register_gauge(&key("g", &[]), &METADATA).set(1.0);
                recorder
                    .register_histogram(&key("h", &[]), &METADATA)
                    .record(1.0);
                recorder
                    .register_histogram(&key("s", &[]), &METADATA)
                    .record(1.0);
                // Refused ones too.
                recorder
                    .register_gauge(&key("new", &[]), &METADATA)
                    .set(1.0);
                recorder.registry().list(&key("known", &[]), false);
                recorder.registry().list(&key("known", &[]), true);
            });
            work.join().expect("it ends while the page is held");
        });
        assert_eq!(page.families().count(), 1, "the held page stays as it was");
        drop(page);
        let mut text = String::new();
        let none: [crate::exposition::tests::Fixed; 0] = [];
        let page = recorder.registry().page();
        crate::exposition::page(&mut text, &page, none, crate::exposition::Format::Text);
        let samples = Samples::parse(&text);
        assert_eq!(samples.series("new"), 2 * MANY);
        assert!(text.starts_with("# TYPE g gauge\n"), "{text}");
        assert!(text.contains("# HELP known Help.\n# TYPE known counter\nknown 7\n"));
    }

    #[test]
    fn what_nobody_reads_does_not_pile_up() {
        let recorder = recorder(Options::default());
        let _counter = recorder.register_counter(&key("c", &[]), &METADATA);
        for i in 0..5 * MANY {
            recorder.registry().list(&key("c", &[]), i % 2 == 0);
        }
        assert!(recorder.registry().unseen() <= MANY + 1);
    }
}
