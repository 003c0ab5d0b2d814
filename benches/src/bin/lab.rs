//! What a sweep of the LAB costs, and whether it keeps its promises when everything in it hangs.
//!
//! `cargo run --release --no-default-features --features lab --bin lab`. The real servers are those that
//! `thunes-scheduler/tests/install-mcp-servers.sh` installs, each several times, to make eighteen.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, json};
use thunes_scheduler::config::Settings;
use thunes_scheduler::engine::{Engine, Job, Store, SystemClock, Trigger};
use thunes_scheduler::guard::{self, Guard};
use thunes_scheduler::lab::{Lab, SharedLab, State};

/// Servers of a predecessor's LAB.
const SERVERS: usize = 18;

/// Sweeps of which the median is told.
const SWEEPS: usize = 20;

/// Sweeps after which nothing may be left.
const MANY: usize = 200;

/// Real servers, by the command below the folder of installed ones.
const REAL: [&str; 8] = [
    "node_modules/.bin/mcp-server-filesystem",
    "node_modules/.bin/mcp-server-everything",
    "node_modules/.bin/mcp-server-memory",
    "node_modules/.bin/mcp-server-sequential-thinking",
    "node_modules/.bin/context7-mcp",
    "python/bin/mcp-server-fetch",
    "python/bin/mcp-server-git",
    "python/bin/mcp-server-time",
];

/// Leaves a grandchild that holds standard output for ten minutes.
const LEAVES: &str = "setsid sleep 600 & sleep 600 & exit 0";

fn main() -> ExitCode {
    if let Some(code) = guard::asked() {
        return code;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    println!("| what | measured | target |\n| --- | --- | --- |");
    runtime.block_on(async {
        hanging().await;
        real().await;
        grandchildren().await;
        beside().await;
        leftovers().await;
    });
    ExitCode::SUCCESS
}

fn row(what: &str, measured: &str, target: &str) {
    println!("| {what} | {measured} | {target} |");
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

async fn hanging() {
    let place = Place::new("hanging");
    (0..SERVERS).for_each(|i| place.script(&format!("s{i}"), "sleep 600"));
    let mut lab = place.open("script_timeout = \"2s\"");
    let begin = Instant::now();
    let report = lab.sweep().await;
    let took = begin.elapsed();
    assert_eq!(report.count(State::Down), SERVERS);
    row(
        "18 checks that hang, limit 2 s: the sweep",
        &seconds(took),
        "2.5 s",
    );
    lab.close().await;
}

async fn real() {
    let installed = Path::new("../tools/mcp");
    let Some(installed) = installed
        .canonicalize()
        .ok()
        .filter(|_| installed.join("installed").exists())
    else {
        return row("18 real servers", "not installed", "50 ms, 1 % of a core");
    };
    let place = Place::new("real");
    let servers: Map<_, _> = (0..SERVERS).map(|i| {
        let command = installed.join(REAL[i % REAL.len()]);
        (format!("s{i}"), json!({"command": command, "args": if i % REAL.len() == 0 { &["."][..] } else { &[] }}))
    }).collect();
    place.file(".mcp.json", &json!({"mcpServers": servers}).to_string());
    let patient = "mcp_files = [\".mcp.json\"]\nstart_timeout = \"2m\"\nbound = \"2m\"\nping_timeout = \"30s\"";
    let mut lab = place.open(patient);
    let begin = Instant::now();
    let report = lab.sweep().await;
    assert_eq!(report.count(State::Up), SERVERS, "{report:?}");
    row(
        "18 real servers: the first sweep, which starts them",
        &seconds(begin.elapsed()),
        "–",
    );
    // The first pings after a start meet code that is not compiled yet.
    lab.sweep().await;
    let (ours, theirs) = (cpu(std::process::id()), children_cpu());
    let mut walls = Vec::new();
    for _ in 0..SWEEPS {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begin = Instant::now();
        let report = lab.sweep().await;
        assert_eq!(report.count(State::Up), SERVERS, "{report:?}");
        walls.push(begin.elapsed());
    }
    walls.sort();
    let share = |ticks: u64| {
        let each = ticks as f64 / TICKS / SWEEPS as f64;
        format!(
            "{:.2} ms a sweep, {:.3} % of a core at 30 s",
            each * 1e3,
            each / 30.0 * 100.0
        )
    };
    row(
        "18 real servers: a warm sweep, median and longest of 20",
        &format!(
            "{}, {}",
            seconds(walls[SWEEPS / 2]),
            seconds(walls[SWEEPS - 1])
        ),
        "0.050 s",
    );
    row(
        "– CPU of the scheduler",
        &share(cpu(std::process::id()) - ours),
        "1 %",
    );
    row(
        "– CPU of the servers and their guards",
        &share(children_cpu() - theirs),
        "–",
    );
    lab.close().await;
}

async fn grandchildren() {
    let place = Place::new("grandchildren");
    place.script("ends", LEAVES);
    let mut lab = place.open("script_timeout = \"2s\"");
    let begin = Instant::now();
    lab.sweep().await;
    row(
        "a script that ends and leaves a grandchild with its output, limit 2 s: the result",
        &seconds(begin.elapsed()),
        "2.1 s",
    );
    place.script(
        "ends",
        "setsid sleep 600 & trap '' TERM; sleep 600; sleep 600",
    );
    let begin = Instant::now();
    lab.sweep().await;
    row(
        "– and one that hangs as well and ignores SIGTERM",
        &seconds(begin.elapsed()),
        "2.1 s",
    );
    lab.close().await;
}

/// A job that is due ten times a second, while each sweep of the LAB hangs.
async fn beside() {
    let place = Place::new("beside");
    (0..SERVERS).for_each(|i| place.script(&format!("s{i}"), "while :; do :; done & sleep 600"));
    let lab = SharedLab::new().expect("threads start");
    lab.configure(
        place.settings("script_timeout = \"2s\"").lab,
        &Guard::default(),
    )
    .await;
    let late: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let noted = Arc::clone(&late);
    let mut engine = Engine::new(Arc::new(SystemClock), Store::in_memory());
    let sweeps = lab.clone();
    let mut sweep = Job::new("lab", Trigger::Every(Duration::from_secs(3)), move |_| {
        let lab = sweeps.clone();
        async move {
            lab.sweep().await;
            Ok(())
        }
    });
    sweep.at_start = true;
    sweep.patience = Duration::ZERO;
    let trade = Job::new(
        "trade",
        Trigger::Every(Duration::from_millis(100)),
        move |run| {
            let late = Timestamp::now().duration_since(run.tick).unsigned_abs();
            noted.lock().expect("nobody panics").push(late);
            async { Ok(()) }
        },
    );
    engine.start(sweep).expect("the state is in memory");
    engine.start(trade).expect("the state is in memory");
    tokio::time::sleep(Duration::from_secs(20)).await;
    engine.drain().await;
    lab.close().await;
    let mut late = std::mem::take(&mut *late.lock().expect("nobody panics"));
    late.sort();
    let measured = format!(
        "{}, {} ({} starts)",
        seconds(late[late.len() / 2]),
        seconds(late[late.len() - 1]),
        late.len()
    );
    row(
        "another job's start while 18 scripts hang and burn both cores: late by, median and most",
        &measured,
        "0.100 s",
    );
}

async fn leftovers() {
    let place = Place::new("leftovers");
    place.script("leaves", LEAVES);
    place.script("hangs", "setsid sleep 600 & sleep 600");
    let mut lab = place.open("script_timeout = \"100ms\"");
    for _ in 0..MANY {
        lab.sweep().await;
    }
    lab.close().await;
    row(
        &format!("processes left after {MANY} sweeps that leave two each"),
        &descendants().len().to_string(),
        "0",
    );
}

/// A folder for a LAB, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("bench-lab-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).expect("a folder can be made");
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a file can be written");
    }

    fn script(&self, server: &str, body: &str) {
        let name = format!("bin/mcp-{server}-health");
        self.file(&name, &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(0o755))
            .expect("its mode can be set");
    }

    fn settings(&self, lines: &str) -> Settings {
        let text = format!("[lab]\nroot = \".\"\n{lines}\n");
        Settings::parse(&self.0.join("thunes.toml"), &text).expect("the settings are good")
    }

    fn open(&self, lines: &str) -> Lab {
        Lab::new(
            self.settings(lines).lab.expect("there is a LAB"),
            Guard::default(),
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Units of CPU time in a second, on Linux.
const TICKS: f64 = 100.0;

/// The fields of a process's `stat` from its state on.
fn stat(process: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

/// CPU time of a process, in ticks.
fn cpu(process: u32) -> u64 {
    let fields = stat(process).unwrap_or_default();
    fields
        .get(11..13)
        .into_iter()
        .flatten()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

fn children_cpu() -> u64 {
    descendants().into_iter().map(cpu).sum()
}

/// All living processes below this one.
fn descendants() -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("there is a /proc").flatten();
    let parents: Vec<(u32, u32)> = all
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let fields = stat(process)?;
            (fields[0] != "Z").then(|| Some((process, fields[1].parse().ok()?)))?
        })
        .collect();
    let mut found = vec![std::process::id()];
    let mut at = 0;
    while let Some(&above) = found.get(at) {
        let below = parents.iter().filter(|(_, parent)| *parent == above);
        found.extend(below.map(|(process, _)| *process));
        at += 1;
    }
    found.split_off(1)
}
