//! Campaigns against the scheduler: many sweeps, and an end at any moment. Nothing may be left, and no tick run twice.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use tests::lab::Lab;
use tests::{Running, scrape, wait_for_sum, wait_until};

const SWEPT: &str = "lab_metrics_collection_duration_seconds_count";

/// A LAB whose scripts leave all kinds of children, which a name in their command lines gives away.
fn messy(name: &str, settings: &str) -> Lab {
    let lab = Lab::new(
        name,
        &format!("[lab]\nroot = \".\"\nmcp_files = [\"mcp.json\"]\n{settings}\n"),
    );
    let sleep = lab.path("sleep-of-a-child");
    std::os::unix::fs::symlink("/bin/sleep", &sleep).unwrap();
    let sleep = sleep.display();
    lab.script(
        "leaves",
        &format!("setsid {sleep} 600 & {sleep} 600 & exit 0"),
    );
    lab.script(
        "hangs",
        &format!("trap '' TERM; setsid {sleep} 600 & {sleep} 600; {sleep} 600"),
    );
    lab.script("stops", "kill -STOP $$");
    lab.script("fails", "exit 1");
    lab.executable(
        "server.sh",
        &format!("setsid {sleep} 600 & trap '' TERM; {sleep} 600; {sleep} 600"),
    );
    lab.file(
        "mcp.json",
        r#"{"mcpServers": {"server": {"command": "./server.sh"}}}"#,
    );
    lab
}

/// The processes that run something of this LAB, the scheduler itself not among them.
fn left(lab: &Lab) -> Vec<String> {
    let folder = lab.path("").display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).ok()?;
        let line = line.replace('\0', " ");
        (line.contains(&folder) && !line.contains("--config")).then_some(line)
    });
    lines.collect()
}

fn wait_for_none(lab: &Lab) {
    wait_until("all children to be gone", || {
        let left = left(lab);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}

/// A few milliseconds that differ each time and are the same in each run of the tests.
fn moment(round: u64, most: u64) -> Duration {
    // One step of a linear congruential generator; the constants are Knuth's for MMIX.
    let drawn = (round + 1)
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    Duration::from_millis((drawn >> 33) % most)
}

/// Sweeps so often, and looks for what is left.
fn sweep(name: &str, sweeps: f64) {
    let settings =
        "interval = \"50ms\"\nscript_timeout = \"40ms\"\nbound = \"1s\"\nstart_timeout = \"100ms\"";
    let lab = messy(name, settings);
    let mut scheduler = lab.start(&["--log-level", "error"]);
    let addr = scheduler.metrics_addr();
    let mut seen = 0.0;
    while seen < sweeps {
        wait_for_sum(&addr, SWEPT, seen + 1.0);
        seen = scrape(&addr).sum(SWEPT);
    }
    // The next sweep is far away: what is here then is left over.
    lab.configure("[lab]\nroot = \".\"\nscripts = \"none\"\ninterval = \"1h\"\n");
    scheduler.signal("HUP");
    wait_for_none(&lab);
    scheduler.signal("TERM");
    assert!(scheduler.ended().success(), "{}", scheduler.log());
}

/// Ends the scheduler at so many moments, and looks for what is left.
fn end(name: &str, signal: &str, rounds: u64) {
    let lab = messy(name, "script_timeout = \"300ms\"\ninterval = \"400ms\"");
    for round in 0..rounds {
        let mut scheduler = lab.start(&["--log-level", "error"]);
        let _ = scheduler.metrics_addr();
        std::thread::sleep(moment(round, 800));
        scheduler.signal(signal);
        scheduler.ended();
    }
    wait_for_none(&lab);
}

/// Kills the scheduler at so many moments while a job is due each second; no second may have seen two runs.
fn claim(name: &str, rounds: u64) {
    let lab = Lab::new(
        name,
        "[[job]]\nname = \"signal_check\"\ncron = \"* * * * * *\"\n",
    );
    let mut runs: BTreeMap<String, u32> = BTreeMap::new();
    let mut count = |scheduler: &Running| {
        for line in scheduler
            .log()
            .lines()
            .filter(|line| line.contains("signal check:"))
        {
            // Without the fraction of the second.
            let second = line.split('.').next().unwrap_or(line).to_owned();
            *runs.entry(second).or_default() += 1;
        }
    };
    for round in 0..rounds {
        let mut scheduler = lab.start(&[]);
        let _ = scheduler.metrics_addr();
        std::thread::sleep(moment(round, 1500));
        scheduler.kill();
        scheduler.ended();
        count(&scheduler);
    }
    assert!(runs.len() as u64 > rounds / 4, "{runs:?}");
    let twice: Vec<_> = runs.iter().filter(|(_, runs)| **runs > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn what_sweeps_leave_is_gone() {
    sweep("campaign-short", 30.0);
}

#[test]
fn a_killed_scheduler_leaves_no_child_and_runs_no_tick_twice() {
    end("campaign-kill-short", "KILL", 3);
    claim("campaign-claim-short", 4);
}

mod full {
    #[test]
    fn a_thousand_sweeps_leave_no_child() {
        super::sweep("campaign-sweeps", 1000.0);
    }

    #[test]
    fn no_moment_to_end_at_leaves_a_child() {
        super::end("campaign-term", "TERM", 25);
        super::end("campaign-kill", "KILL", 100);
    }

    #[test]
    fn no_moment_to_be_killed_at_runs_a_tick_twice() {
        super::claim("campaign-claim", 60);
    }
}
