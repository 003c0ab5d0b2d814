//! The engine on paused time, under a wall clock that steps.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::*;

/// A wall clock that runs with tokio's and can be stepped.
struct Steps {
    start: Instant,
    wall: Mutex<Timestamp>,
}

impl Steps {
    fn at(text: &str) -> Arc<Self> {
        let wall = Mutex::new(text.parse().unwrap());
        Arc::new(Self {
            start: Instant::now(),
            wall,
        })
    }

    fn step(&self, by: SignedDuration) {
        *self.wall.lock().unwrap() += by;
    }
}

impl WallClock for Steps {
    fn now(&self) -> Timestamp {
        *self.wall.lock().unwrap() + SignedDuration::try_from(self.start.elapsed()).unwrap()
    }
}

/// A folder that is removed when dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("thunes-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Store {
        Store::open(&self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

type Notes = Arc<Mutex<Vec<(String, bool)>>>;

/// A job that writes down its runs: tick and whether it was retried.
fn noting(name: &str, trigger: Trigger) -> (Job, Notes) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&notes);
    let job = Job::new(name, trigger, move |run| {
        let to = Arc::clone(&to);
        async move {
            to.lock().unwrap().push((run.tick.to_string(), run.retried));
            Ok(())
        }
    });
    (job, notes)
}

fn ticks(notes: &Mutex<Vec<(String, bool)>>) -> Vec<String> {
    notes
        .lock()
        .unwrap()
        .iter()
        .map(|note| note.0.clone())
        .collect()
}

fn daily() -> Trigger {
    Trigger::daily("23:00").unwrap()
}

fn status(engine: &Engine) -> JobStatus {
    engine.board().jobs().remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_fixed_rate_does_not_drift_whatever_runs_take() {
    let clock = Steps::at("2026-11-22T12:00:00Z");
    let mut engine = Engine::new(clock.clone(), Store::in_memory());
    let starts = Arc::new(Mutex::new(Vec::new()));
    let (to, begin) = (Arc::clone(&starts), clock.start);
    let job = Job::new("lab", Trigger::Every(Duration::from_secs(30)), move |_| {
        to.lock().unwrap().push(begin.elapsed().as_secs());
        async {
            sleep(Duration::from_secs(7)).await;
            Ok(())
        }
    });
    engine.start(job).unwrap();
    sleep(Duration::from_secs(100)).await;
    clock.step(SignedDuration::from_hours(-5));
    sleep(Duration::from_secs(50)).await;
    assert_eq!(*starts.lock().unwrap(), [0, 30, 60, 90, 120]);
    assert_eq!(status(&engine).runs[&Outcome::Success], 5);
}

#[tokio::test(start_paused = true)]
async fn ticks_of_a_job_that_still_runs_are_skipped_and_counted() {
    let mut engine = Engine::new(Steps::at("2026-11-22T12:00:00Z"), Store::in_memory());
    let (alive, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let seen = Arc::clone(&most);
    let mut job = Job::new("slow", Trigger::Every(MINUTE), move |_| {
        let (alive, most) = (Arc::clone(&alive), Arc::clone(&most));
        async move {
            most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(150 * Duration::from_secs(1)).await;
            alive.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    });
    job.timeout = HOUR;
    engine.start(job).unwrap();
    sleep(Duration::from_secs(200)).await;
    let status = status(&engine);
    assert_eq!(status.skips, [(SkipReason::Overlap, 2)].into());
    assert_eq!(status.runs, [(Outcome::Success, 1)].into());
    assert!(status.running, "the tick at 180 s runs");
    assert_eq!(seen.load(Ordering::SeqCst), 1, "never two at once");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_hangs_or_panics_delays_no_other() {
    let clock = Steps::at("2026-11-22T12:00:00Z");
    let mut engine = Engine::new(clock.clone(), Store::in_memory());
    let mut hangs = Job::new("hangs", Trigger::Every(MINUTE), |_| std::future::pending());
    hangs.timeout = Duration::from_secs(30);
    engine.start(hangs).unwrap();
    let panics = |_| async { panic!("on purpose") };
    engine
        .start(Job::new("panics", Trigger::Every(MINUTE), panics))
        .unwrap();
    let (job, notes) = noting("trades", Trigger::Every(MINUTE));
    engine.start(job).unwrap();
    sleep(Duration::from_secs(130)).await;
    let jobs = engine.board().jobs();
    assert_eq!(jobs[0].runs, [(Outcome::Timeout, 2)].into());
    assert_eq!(jobs[1].runs, [(Outcome::Panic, 3)].into());
    assert_eq!(
        ticks(&notes),
        [
            "2026-11-22T12:00:00Z",
            "2026-11-22T12:01:00Z",
            "2026-11-22T12:02:00Z"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_daily_job_runs_once_a_day_when_the_clock_steps_back_over_it() {
    let clock = Steps::at("2026-11-22T22:59:00Z");
    let mut engine = Engine::new(clock.clone(), Store::in_memory());
    let (job, notes) = noting("summary", daily());
    engine.start(job).unwrap();
    sleep(2 * MINUTE).await;
    clock.step(SignedDuration::from_mins(-10));
    sleep(HOUR).await;
    assert_eq!(ticks(&notes), ["2026-11-22T23:00:00Z"]);
    assert_eq!(status(&engine).skips, [(SkipReason::Claimed, 1)].into());
    sleep(23 * HOUR + 10 * MINUTE).await;
    assert_eq!(
        ticks(&notes),
        ["2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_daily_job_runs_for_its_day_when_the_clock_steps_ahead_over_it() {
    let clock = Steps::at("2026-11-22T22:50:00Z");
    let mut engine = Engine::new(clock.clone(), Store::in_memory());
    let (job, notes) = noting("summary", daily());
    engine.start(job).unwrap();
    sleep(MINUTE).await;
    clock.step(SignedDuration::from_mins(20));
    sleep(MINUTE).await;
    assert_eq!(ticks(&notes), ["2026-11-22T23:00:00Z"]);
    // Three days ahead: two ticks are of days that are over, and one of them stands for both.
    clock.step(SignedDuration::from_hours(72));
    sleep(MINUTE).await;
    assert_eq!(
        ticks(&notes),
        ["2026-11-22T23:00:00Z", "2026-11-25T23:00:00Z"]
    );
    assert_eq!(status(&engine).skips, [(SkipReason::Coalesced, 2)].into());
}

#[tokio::test(start_paused = true)]
async fn a_cron_tick_later_than_the_grace_is_a_misfire() {
    let clock = Steps::at("2026-11-22T11:59:00Z");
    let mut engine = Engine::new(clock.clone(), Store::in_memory());
    let (job, notes) = noting("hourly", Trigger::cron("0 * * * *").unwrap());
    engine.start(job).unwrap();
    sleep(Duration::from_secs(1)).await;
    clock.step(SignedDuration::from_mins(3));
    sleep(MINUTE).await;
    assert_eq!(ticks(&notes), [""; 0]);
    assert_eq!(status(&engine).skips, [(SkipReason::Misfire, 1)].into());
    sleep(HOUR).await;
    assert_eq!(ticks(&notes), ["2026-11-22T13:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn restarts_around_the_time_of_a_daily_job_run_it_once() {
    let folder = Folder::new("restarts");
    let clock = Steps::at("2026-11-22T22:59:58Z");
    let mut seen = Vec::new();
    for _ in 0..4 {
        let mut engine = Engine::new(clock.clone(), folder.open());
        let (job, notes) = noting("summary", daily());
        engine.start(job).unwrap();
        sleep(Duration::from_secs(1)).await;
        seen.extend(ticks(&notes));
        engine.drain().await;
    }
    assert_eq!(seen, ["2026-11-22T23:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_daily_tick_missed_while_down_is_run_within_the_grace_and_a_misfire_later() {
    for (back_after, runs) in [(30, 2), (90, 1)] {
        let folder = Folder::new(&format!("missed-{back_after}"));
        let clock = Steps::at("2026-11-21T22:59:59Z");
        let mut engine = Engine::new(clock.clone(), folder.open());
        let (job, first) = noting("summary", daily());
        engine.start(job).unwrap();
        sleep(MINUTE).await;
        engine.drain().await;
        clock.step(SignedDuration::from_hours(24) - SignedDuration::from_secs(59 - back_after));
        let mut engine = Engine::new(clock.clone(), folder.open());
        let (job, second) = noting("summary", daily());
        engine.start(job).unwrap();
        sleep(MINUTE).await;
        assert_eq!(
            ticks(&first).len() + ticks(&second).len(),
            runs,
            "{back_after} s"
        );
        assert_eq!(status(&engine).skips.is_empty(), runs == 2);
        drop(engine);
    }
}

#[tokio::test(start_paused = true)]
async fn a_daily_run_that_died_is_run_again_by_its_successor_and_says_so() {
    let folder = Folder::new("died");
    let clock = Steps::at("2026-11-22T22:59:59Z");
    let mut engine = Engine::new(clock.clone(), folder.open());
    let dies = |run: Run| async move {
        assert_eq!(run.begin_effect().await?, Delivery::First);
        std::future::pending().await
    };
    engine.start(Job::new("summary", daily(), dies)).unwrap();
    sleep(Duration::from_secs(10)).await;
    // As `kill -9` would: nothing is written any more.
    drop(engine);
    tokio::task::yield_now().await;

    let deliveries = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&deliveries);
    let again = move |run: Run| {
        let to = Arc::clone(&to);
        async move {
            let delivery = run.begin_effect().await?;
            to.lock()
                .unwrap()
                .push((run.day.to_string(), run.retried, delivery));
            run.finish_effect().await?;
            Ok(())
        }
    };
    for _ in 0..2 {
        let mut engine = Engine::new(clock.clone(), folder.open());
        engine
            .start(Job::new("summary", daily(), again.clone()))
            .unwrap();
        sleep(Duration::from_secs(10)).await;
        engine.drain().await;
    }
    assert_eq!(
        *deliveries.lock().unwrap(),
        [("2026-11-22".to_owned(), true, Delivery::Unknown)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_fixed_rate_goes_on_where_its_predecessor_ended() {
    let folder = Folder::new("rate");
    let clock = Steps::at("2026-11-22T12:00:00Z");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut engine = Engine::new(clock.clone(), folder.open());
        let (job, notes) = noting("signals", Trigger::Every(10 * MINUTE));
        engine.start(job).unwrap();
        sleep(4 * MINUTE).await;
        seen.extend(ticks(&notes));
        drop(engine);
        tokio::task::yield_now().await;
    }
    assert_eq!(seen, ["2026-11-22T12:00:00Z", "2026-11-22T12:10:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn drain_waits_for_what_runs_and_cancels_what_takes_too_long() {
    for (takes, outcome) in [(5, Outcome::Success), (60, Outcome::Cancelled)] {
        let mut engine = Engine::new(Steps::at("2026-11-22T12:00:00Z"), Store::in_memory());
        let body = move |_| async move {
            sleep(Duration::from_secs(takes)).await;
            Ok(())
        };
        engine
            .start(Job::new("job", Trigger::Every(HOUR), body))
            .unwrap();
        sleep(Duration::from_secs(1)).await;
        let board = engine.board();
        engine.drain().await;
        assert_eq!(board.jobs()[0].runs, [(outcome, 1)].into());
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_is_the_same_after_a_restart_and_within_its_limit() {
    let (mut job, _) = noting("signals", Trigger::Every(MINUTE));
    job.jitter = Duration::from_secs(10);
    let offset = job.offset();
    assert!(offset > Duration::ZERO && offset < job.jitter);
    let (mut other, _) = noting("summary", Trigger::Every(MINUTE));
    other.jitter = job.jitter;
    assert_eq!(job.offset(), offset);
    assert_ne!(other.offset(), offset);
}

#[tokio::test(start_paused = true)]
async fn a_calendar_job_whose_claim_cannot_be_written_does_not_start() {
    let folder = Folder::new("unclaimed");
    let clock = Steps::at("2026-11-22T22:59:59Z");
    let mut engine = Engine::new(clock.clone(), folder.open());
    let (job, notes) = noting("summary", daily());
    engine.start(job).unwrap();
    sleep(Duration::from_millis(500)).await;
    std::fs::remove_dir_all(&folder.0).unwrap();
    sleep(MINUTE).await;
    assert_eq!(ticks(&notes), [""; 0]);
    assert_eq!(status(&engine).skips, [(SkipReason::Unclaimed, 1)].into());
}

#[test]
fn one_scheduler_a_folder_and_a_damaged_state_is_refused() {
    let folder = Folder::new("locked");
    let store = folder.open();
    assert!(matches!(Store::open(&folder.0), Err(StoreError::InUse(_))));
    std::fs::write(folder.0.join("summary.json"), "{").unwrap();
    assert!(matches!(
        store.journal("summary"),
        Err(StoreError::Foreign(..))
    ));
}
