//! The scheduler's own jobs: the LAB, the signal check, and the daily summary.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::{JobSettings, LAB_JOB, LabSettings, SIGNAL_JOB, SUMMARY_JOB, Settings};
use crate::engine::{Board, Delivery, Job, Outcome, Run, Trigger, Trouble};
use crate::lab::{Report, SharedLab, State};

/// Time between two signal checks. Source: the predecessor's.
const SIGNAL_PERIOD: Duration = Duration::from_mins(10);

/// When the daily summary is due, in UTC. Source: the predecessor's.
const SUMMARY_TIME: &str = "23:00";

/// How much longer than its bound the LAB job may take, for reading files and showing results.
const LAB_SLACK: Duration = Duration::from_secs(5);

/// The jobs that these settings ask for.
#[must_use]
pub fn jobs(settings: &Settings, lab: &SharedLab, board: &Board) -> Vec<Job> {
    let mut jobs = Vec::new();
    if let Some(settings) = &settings.lab {
        jobs.push(lab_job(settings, lab.clone()));
    }
    jobs.push(signal_job());
    jobs.push(summary_job(lab.clone(), board.clone()));
    for job in &mut jobs {
        if let Some(change) = settings.jobs.iter().find(|change| change.name == job.name) {
            apply(change, job);
        }
    }
    jobs
}

fn apply(change: &JobSettings, job: &mut Job) {
    if let Some(trigger) = &change.trigger {
        job.trigger = trigger.clone();
    }
    job.timeout = change.timeout.unwrap_or(job.timeout);
    job.jitter = change.jitter.unwrap_or(job.jitter);
}

fn lab_job(settings: &LabSettings, lab: SharedLab) -> Job {
    let mut job = Job::new(LAB_JOB, Trigger::Every(settings.interval), move |_| {
        let lab = lab.clone();
        async move {
            if let Some(report) = lab.sweep().await {
                tracing::info!("LAB: {}", in_words(&report));
            }
            Ok(())
        }
    });
    job.timeout = settings.bound + LAB_SLACK;
    // What it found before a restart is gone with the process, and so are the sessions.
    job.at_start = true;
    // What it would still find nobody would read.
    job.patience = Duration::ZERO;
    job
}

fn signal_job() -> Job {
    Job::new(SIGNAL_JOB, Trigger::Every(SIGNAL_PERIOD), |_| async {
        tracing::info!("signal check: no strategy is built in yet, so there is no signal");
        Ok(())
    })
}

fn summary_job(lab: SharedLab, board: Board) -> Job {
    let at = Trigger::daily(SUMMARY_TIME).expect("the time is one: a test runs this");
    Job::new(SUMMARY_JOB, at, move |run| {
        let (lab, board) = (lab.clone(), board.clone());
        async move { summarise(&run, lab.last().as_ref(), &board).await }
    })
}

/// Tells the summary once for its UTC day.
async fn summarise(run: &Run, lab: Option<&Report>, board: &Board) -> Result<(), Trouble> {
    let delivery = run.begin_effect().await?;
    if delivery == Delivery::Done {
        tracing::info!("the summary of {} was told before", run.day);
        return Ok(());
    }
    let text = summary(run, delivery, lab, board);
    tracing::info!("{text}");
    run.finish_effect().await?;
    Ok(())
}

/// The summary of a day: its jobs and the LAB.
fn summary(run: &Run, delivery: Delivery, lab: Option<&Report>, board: &Board) -> String {
    let mut text = format!("summary of {}", run.day);
    if run.retried {
        text.push_str(" (retried: the run before died");
        if delivery == Delivery::Unknown {
            text.push_str(", and whether its message got through is unknown");
        }
        text.push(')');
    }
    for job in board.jobs() {
        let count = |outcome| job.runs.get(&outcome).copied().unwrap_or(0);
        let failed: u64 = [Outcome::Failure, Outcome::Timeout, Outcome::Panic]
            .map(count)
            .iter()
            .sum();
        let skipped: u64 = job.skips.values().sum();
        let ran = count(Outcome::Success);
        let name = &job.name;
        write!(
            text,
            "; {name}: {ran} good, {failed} failed, {skipped} skipped"
        )
        .expect("writing to a string cannot fail");
    }
    let lab = lab.map_or_else(|| "none".to_owned(), in_words);
    text + "; LAB: " + &lab
}

/// A sweep in a line.
fn in_words(report: &Report) -> String {
    let count = |state| report.count(state);
    let down = report
        .servers
        .iter()
        .filter(|server| server.state == State::Down);
    let down: Vec<String> = down
        .map(|server| {
            let reason = server
                .reason
                .map_or_else(String::new, |reason| format!("{reason:?}"));
            format!("{} ({reason}: {})", server.name, server.detail)
        })
        .collect();
    let mut text = format!(
        "{} up, {} down, {} not configured, {} starting; {} worktrees",
        count(State::Up),
        count(State::Down),
        count(State::NotConfigured),
        count(State::Starting),
        report.worktrees.len(),
    );
    if !down.is_empty() {
        text = text + "; down: " + &down.join(", ");
    }
    text
}

/// A line for each job, for people.
#[must_use]
pub fn listing(jobs: &[crate::engine::JobStatus]) -> String {
    let time = |time: Option<Timestamp>| {
        time.map_or_else(
            || "-".to_owned(),
            |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        )
    };
    let mut text = format!(
        "{:<20} {:<24} {:<20} {:<10} {:<20} {:<20}\n",
        "job", "trigger", "last run (UTC)", "outcome", "last success (UTC)", "next run (UTC)"
    );
    for job in jobs {
        let outcome = job
            .last_outcome
            .map_or_else(|| "-".to_owned(), |outcome| outcome.to_string());
        writeln!(
            text,
            "{:<20} {:<24} {:<20} {outcome:<10} {:<20} {:<20}",
            job.name,
            job.trigger,
            time(job.last_run),
            time(job.last_success),
            time(job.next_run)
        )
        .expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_are_the_predecessors_and_settings_change_them() {
        let text = "[lab]\nbound = \"10s\"\n[[job]]\nname = \"signal_check\"\nevery = \"1m\"\n";
        let settings = Settings::parse("thunes.toml".as_ref(), text).unwrap();
        let jobs = jobs(&settings, &SharedLab::new().unwrap(), &Board::default());
        let seen: Vec<_> = jobs
            .iter()
            .map(|job| {
                (
                    job.name.as_str(),
                    job.trigger.to_string(),
                    job.timeout.as_secs(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (LAB_JOB, "every 30s".to_owned(), 15),
                (SIGNAL_JOB, "every 60s".to_owned(), 60),
                (SUMMARY_JOB, "daily at 23:00:00 UTC".to_owned(), 60),
            ]
        );
    }

    #[test]
    fn a_summary_that_may_have_been_told_before_says_so() {
        let at = "2026-11-22T23:00:00Z".parse().unwrap();
        let mut run = Run::by_hand(SUMMARY_JOB, at);
        run.retried = true;
        let text = summary(&run, Delivery::Unknown, None, &Board::default());
        assert!(
            text.contains("2026-11-22 (retried") && text.contains("unknown"),
            "{text}"
        );
    }
}
