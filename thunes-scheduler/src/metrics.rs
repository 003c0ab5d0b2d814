//! Everything the scheduler emits that is declared: jobs, the LAB, and reloads.
//!
//! The three `lab_` families of the predecessor keep its names and values. Series of a job, a server or a worktree are
//! there from the moment it is configured, at zero, and vanish with it.

use std::time::Duration;

use instrument_core::{Counter, Gauge, Histogram, Info, Series, metrics};
use jiff::Timestamp;

use crate::engine::{Outcome, SkipReason};
use crate::lab::{Reason, State, Verdict, Worktree};

metrics! {
    /// Runs of a job, by how they ended.
    // Its name is to be `outcome`, which `metrics!` keeps for annotated functions (K004).
    pub static JOB_RUNS: Counter<(job: configured, outcome: Outcome)> = "job_runs_total";
    /// Ticks of a job that were not run, by reason.
    pub static JOB_SKIPS: Counter<(job: configured, reason: SkipReason)> = "job_skips_total";
    /// Ticks of a job that came later than the grace allows, and were not run.
    pub static JOB_MISFIRES: Counter<(job: configured)> = "job_misfires_total";
    /// Seconds that runs of a job took.
    pub static JOB_DURATION: Histogram<(job: configured)> = "job_duration_seconds",
        buckets = [0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 300.0];
    /// Unix time of the end of a job's last success; 0 before there is one.
    pub static JOB_LAST_SUCCESS: Gauge<(job: configured)> = "job_last_success_timestamp_seconds";
    /// Unix time a job is due next; 0 if it is not.
    pub static JOB_NEXT_RUN: Gauge<(job: configured)> = "job_next_run_timestamp_seconds";

    /// Health of an MCP server: 0 down, 1 up, 2 not configured. While it starts it keeps the value it had.
    pub static SERVER_HEALTH: Gauge<(server_name: configured)> = "lab_mcp_server_health";
    /// Health of an MCP server after flap damping: 0 down, 1 up, 2 not configured.
    pub static SERVER_DAMPED: Gauge<(server_name: configured)> = "lab_mcp_server_damped_health";
    /// The state of an MCP server: 1 for that one, 0 for the others.
    pub static SERVER_STATE: Gauge<(server_name: configured, state: State)> = "lab_mcp_server_state";
    /// Seconds that checks of an MCP server took; results that were cached are not counted.
    pub static CHECK_DURATION: Histogram<(server_name: configured)> = "lab_mcp_check_duration_seconds",
        buckets = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    /// Checks of an MCP server that found it down, by reason.
    pub static CHECK_FAILURES: Counter<(server_name: configured, reason: Reason)> = "lab_mcp_check_failures_total";
    /// Unix time of the last check of an MCP server; a cached result keeps its time.
    pub static LAST_CHECK: Gauge<(server_name: configured)> = "lab_mcp_server_last_check_timestamp_seconds";
    /// How far the last check of an MCP server got: 0 process, 1 handshake, 2 ping, 3 tools listed.
    pub static SERVER_LEVEL: Gauge<(server_name: configured)> = "lab_mcp_server_level";
    /// The protocol version agreed on with an MCP server, as a label; always 1.
    pub static PROTOCOL: Info<(server_name: configured, version: configured)> = "lab_mcp_protocol_info";

    /// Status of a worktree: 0 complete, 1 working, 2 testing, 3 blocked.
    pub static WORKTREE_STATUS: Gauge<(worktree_name: configured)> = "lab_worktree_status";
    /// Test status of a worktree: 0 unknown, 1 passing, 2 failing.
    pub static WORKTREE_TESTS: Gauge<(worktree_name: configured)> = "lab_worktree_test_status";
    /// Files of a worktree that differ from its last commit; only where git is asked.
    pub static WORKTREE_DIRTY: Gauge<(worktree_name: configured)> = "lab_worktree_dirty_files";
    /// Commits of a worktree that upstream does not have; only where git is asked.
    pub static WORKTREE_AHEAD: Gauge<(worktree_name: configured)> = "lab_worktree_commits_ahead";
    /// Commits of upstream that a worktree does not have; only where git is asked.
    pub static WORKTREE_BEHIND: Gauge<(worktree_name: configured)> = "lab_worktree_commits_behind";
    /// Seconds since a worktree's last commit; only where git is asked.
    pub static WORKTREE_COMMIT_AGE: Gauge<(worktree_name: configured)> = "lab_worktree_last_commit_age_seconds";
    /// The branch of a worktree, as a label; always 1, and only where git is asked.
    pub static WORKTREE_BRANCH: Info<(worktree_name: configured, branch: configured)> = "lab_worktree_branch_info";

    /// Seconds of a whole sweep of the LAB.
    pub static COLLECTION_DURATION: Histogram = "lab_metrics_collection_duration_seconds",
        buckets = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];
    /// Files of the LAB that could not be read or understood in a sweep.
    pub static COLLECTION_ERRORS: Counter = "lab_metrics_collection_errors_total";

    /// Whether the last reload of the configuration was taken over: 1 if it was, 0 if the old one runs on.
    pub static RELOAD_GOOD: Gauge = "thunes_config_last_reload_successful";
    /// Unix time of the last configuration that was taken over.
    pub static RELOAD_TIME: Gauge = "thunes_config_last_reload_success_timestamp_seconds";
}

fn unix(time: Timestamp) -> f64 {
    time.as_nanosecond() as f64 / 1e9
}

/// The series of one job.
pub(crate) struct JobSeries {
    runs: Series<Counter<(Outcome,)>>,
    skips: Series<Counter<(SkipReason,)>>,
    misfires: Series<Counter>,
    duration: Series<Histogram>,
    last_success: Series<Gauge>,
    next_run: Series<Gauge>,
}

impl JobSeries {
    pub(crate) fn new(job: &str, last_success: Option<Timestamp>) -> Self {
        let series = Self {
            runs: JOB_RUNS.series(job),
            skips: JOB_SKIPS.series(job),
            misfires: JOB_MISFIRES.series(job),
            duration: JOB_DURATION.series(job),
            last_success: JOB_LAST_SUCCESS.series(job),
            next_run: JOB_NEXT_RUN.series(job),
        };
        if let Some(time) = last_success {
            series.last_success.set(unix(time));
        }
        series
    }

    pub(crate) fn ended(&self, outcome: Outcome, took: Duration, now: Timestamp) {
        self.runs.inc(outcome);
        self.duration.observe(took.as_secs_f64());
        if outcome == Outcome::Success {
            self.last_success.set(unix(now));
        }
    }

    pub(crate) fn skipped(&self, reason: SkipReason, ticks: u64) {
        self.skips.add(reason, ticks);
    }

    pub(crate) fn misfire(&self) {
        self.misfires.inc();
    }

    pub(crate) fn next(&self, at: Option<Timestamp>) {
        self.next_run.set(at.map_or(0.0, unix));
    }
}

/// Shows what a sweep of the LAB took, and how many of its files were wrong.
pub(crate) fn swept(took: Duration, errors: u64) {
    COLLECTION_DURATION.observe(took.as_secs_f64());
    COLLECTION_ERRORS.add(errors);
}

/// The series of one server.
pub(crate) struct ServerSeries {
    name: String,
    health: Series<Gauge>,
    damped: Series<Gauge>,
    state: Series<Gauge<(State,)>>,
    duration: Series<Histogram>,
    failures: Series<Counter<(Reason,)>>,
    last_check: Series<Gauge>,
    level: Series<Gauge>,
    protocol: Option<(String, Series<Info>)>,
}

impl ServerSeries {
    pub(crate) fn new(server: &str) -> Self {
        let series = Self {
            name: server.to_owned(),
            health: SERVER_HEALTH.series(server),
            damped: SERVER_DAMPED.series(server),
            state: SERVER_STATE.series(server),
            duration: CHECK_DURATION.series(server),
            failures: CHECK_FAILURES.series(server),
            last_check: LAST_CHECK.series(server),
            level: SERVER_LEVEL.series(server),
            protocol: None,
        };
        // Until it has been looked at it is not down: 0 would be an alarm at each start.
        for health in [&series.health, &series.damped] {
            health.set(f64::from(State::NotConfigured.health().unwrap_or_default()));
        }
        series
    }

    /// Shows what a check came to; a result that is not fresh counts no failure again.
    pub(crate) fn show(&mut self, verdict: &Verdict, damped: State, fresh: bool) {
        if let Some(health) = verdict.state.health() {
            self.health.set(f64::from(health));
        }
        if let Some(health) = damped.health() {
            self.damped.set(f64::from(health));
        }
        for state in [
            State::Down,
            State::Up,
            State::NotConfigured,
            State::Starting,
        ] {
            self.state
                .set(state, f64::from(u8::from(state == verdict.state)));
        }
        self.level.set(f64::from(verdict.level.number()));
        self.last_check.set(unix(verdict.at));
        if fresh {
            self.duration.observe(verdict.took.as_secs_f64());
            if let Some(reason) = verdict.reason {
                self.failures.inc(reason);
            }
        }
        let known = self.protocol.as_ref().map(|(version, _)| version);
        if known != verdict.protocol.as_ref() {
            let version = verdict.protocol.clone();
            self.protocol = version.map(|version| {
                let series = PROTOCOL.series(&self.name, &version);
                (version, series)
            });
        }
    }
}

/// The series of one worktree.
pub(crate) struct WorktreeSeries {
    name: String,
    status: Series<Gauge>,
    tests: Series<Gauge>,
    git: Option<GitSeries>,
}

/// The series of a worktree of which git is asked.
struct GitSeries {
    dirty: Series<Gauge>,
    ahead: Series<Gauge>,
    behind: Series<Gauge>,
    age: Series<Gauge>,
    branch: Option<(String, Series<Info>)>,
}

impl WorktreeSeries {
    pub(crate) fn new(worktree: &str) -> Self {
        Self {
            name: worktree.to_owned(),
            status: WORKTREE_STATUS.series(worktree),
            tests: WORKTREE_TESTS.series(worktree),
            git: None,
        }
    }

    pub(crate) fn show(&mut self, worktree: &Worktree) {
        self.status.set(f64::from(worktree.status as u8));
        self.tests.set(f64::from(worktree.test_status as u8));
        let name = &self.name;
        let Some(state) = &worktree.git else {
            self.git = None;
            return;
        };
        let git = self.git.get_or_insert_with(|| GitSeries {
            dirty: WORKTREE_DIRTY.series(name),
            ahead: WORKTREE_AHEAD.series(name),
            behind: WORKTREE_BEHIND.series(name),
            age: WORKTREE_COMMIT_AGE.series(name),
            branch: None,
        });
        git.dirty.set(state.dirty as f64);
        git.ahead.set(state.ahead as f64);
        git.behind.set(state.behind as f64);
        git.age
            .set(state.last_commit_age_seconds.unwrap_or(0) as f64);
        if git.branch.as_ref().map(|(branch, _)| branch) != state.branch.as_ref() {
            let branch = state.branch.clone();
            git.branch = branch.map(|branch| {
                let series = WORKTREE_BRANCH.series(name, &branch);
                (branch, series)
            });
        }
    }
}

/// Shows whether a reload was taken over.
pub(crate) fn reloaded(well: bool) {
    RELOAD_GOOD.set(f64::from(u8::from(well)));
    if well {
        RELOAD_TIME.set_to_now();
    }
}
