//! Who is connected, and who has kept the endpoint waiting longest. That one goes when there are too many, so that a
//! crowd of idle, slow or hostile clients never keeps a scraper out, nor fills the memory of the trading process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

/// More connections than this at a time are not kept; each costs a descriptor of the trading process.
const MOST_CLIENTS: usize = 512;
/// More bytes than this are not kept for clients that do not take them.
const MOST_UNSENT: usize = 64 << 20;

/// All clients of an endpoint, in the order in which they came. Only the endpoint's own threads lock it.
#[derive(Default)]
pub(super) struct Clients(Mutex<Vec<Arc<Client>>>);

pub(super) struct Client {
    /// Since when it is its turn to ask, or to take the answer; `None` while the answer is made.
    turn: Mutex<Option<Instant>>,
    /// Bytes of answers that it has not taken.
    unsent: AtomicUsize,
    cut: Notify,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clients {
    /// Takes a new client in; `None` if all there are have their answers made at the moment.
    pub(super) fn admit(&self) -> Option<Arc<Client>> {
        let mut all = locked(&self.0);
        if all.len() >= MOST_CLIENTS {
            cut_slowest(&mut all, |_| true)?;
        }
        let client = Arc::new(Client {
            turn: Mutex::new(Some(Instant::now())),
            unsent: AtomicUsize::new(0),
            cut: Notify::new(),
        });
        all.push(Arc::clone(&client));
        Some(client)
    }

    pub(super) fn remove(&self, client: &Arc<Client>) {
        locked(&self.0).retain(|one| !Arc::ptr_eq(one, client));
    }

    /// Makes an answer of `text` that counts as unsent until it is dropped.
    pub(super) fn hold(&self, client: &Arc<Client>, text: Vec<u8>) -> Bytes {
        let mut all = locked(&self.0);
        let unsent = |client: &Client| client.unsent.load(Ordering::Relaxed);
        while all.iter().map(|one| unsent(one)).sum::<usize>() + text.len() > MOST_UNSENT
            && cut_slowest(&mut all, |one| unsent(one) > 0).is_some()
        {}
        client.unsent.fetch_add(text.len(), Ordering::Relaxed);
        let client = Arc::clone(client);
        Bytes::from_owner(Unsent { text, client })
    }
}

/// Cuts off the client among those of a kind whose turn has lasted longest.
fn cut_slowest(all: &mut Vec<Arc<Client>>, of: impl Fn(&Client) -> bool) -> Option<()> {
    let turns = all.iter().enumerate().filter(|(_, client)| of(client));
    let turns = turns.filter_map(|(place, client)| Some(((*locked(&client.turn))?, place)));
    let (_, place) = turns.min()?;
    all.remove(place).cut.notify_one();
    Some(())
}

impl Client {
    /// It has asked, and waits for us.
    pub(super) fn asked(&self) {
        *locked(&self.turn) = None;
    }

    /// It is its turn to take the answer.
    pub(super) fn answered(&self) {
        *locked(&self.turn) = Some(Instant::now());
    }

    /// Waits until another needs its place.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }
}

/// A text that nobody has taken yet.
struct Unsent {
    text: Vec<u8>,
    client: Arc<Client>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.client
            .unsent
            .fetch_sub(self.text.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn is_cut(client: &Client) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(client.cut.notified())
            .poll(&mut context)
            .is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_one_that_has_kept_us_waiting_longest_goes() {
        let clients = Clients::default();
        let mut all = Vec::new();
        for _ in 0..MOST_CLIENTS {
            all.push(clients.admit().expect("there is room"));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        // The first one's answer is being made, and the second one has just got one.
        all[0].asked();
        all[1].asked();
        all[1].answered();
        assert!(clients.admit().is_some());
        let cut: Vec<usize> = (0..all.len()).filter(|&i| is_cut(&all[i])).collect();
        assert_eq!(cut, [2]);
        for client in &all {
            client.asked();
        }
        assert!(clients.admit().is_some(), "the one that came last waits");
        clients.remove(&all[0]);
        assert!(clients.admit().is_some(), "one has gone");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_goes_whose_answer_is_being_made() {
        let clients = Clients::default();
        for _ in 0..MOST_CLIENTS {
            clients.admit().expect("there is room").asked();
        }
        assert!(clients.admit().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_nobody_takes_do_not_fill_the_memory() {
        let clients = Clients::default();
        let [slow, slower, idle, new] = [(); 4].map(|()| clients.admit().expect("there is room"));
        let half = MOST_UNSENT / 2;
        slower.answered();
        let first = clients.hold(&slower, vec![0; half]);
        tokio::time::advance(Duration::from_millis(1)).await;
        slow.answered();
        let second = clients.hold(&slow, vec![0; half]);
        assert!(!is_cut(&slower) && !is_cut(&slow), "that much is kept");
        let third = clients.hold(&new, vec![0; 1]);
        assert!(is_cut(&slower) && !is_cut(&slow) && !is_cut(&idle));
        assert_eq!(slow.unsent.load(Ordering::Relaxed), half);
        drop((first, second, third));
        assert_eq!(slow.unsent.load(Ordering::Relaxed), 0);
    }
}
