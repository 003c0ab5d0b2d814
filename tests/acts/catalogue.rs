//! What both programs say of their metrics without being started: `PROGRAM metrics --format …`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tests::{Folder, Running, page, program};

const PROGRAMS: [&str; 2] = ["sentinel-daemon", "thunes-scheduler"];

fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the workspace is above the tests")
}

fn run(name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program(name));
    // Neither a configuration that is wrong nor a folder without one is in its way.
    command.env("THUNES_CONFIG", "/nowhere/thunes.toml");
    command.current_dir("/").args(args);
    command.output().expect("the program starts")
}

fn told(name: &str, format: &str) -> String {
    let output = run(name, &["metrics", "--format", format]);
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    assert!(output.status.success(), "{}", text(output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(output.stderr));
    text(output.stdout)
}

pub(crate) fn catalogue(name: &str) -> Value {
    serde_json::from_str(&told(name, "json")).expect("it is JSON")
}

pub(crate) fn names(catalogue: &Value) -> Vec<&str> {
    let metrics = catalogue["metrics"].as_array().expect("a list");
    metrics
        .iter()
        .filter_map(|metric| metric["name"].as_str())
        .collect()
}

#[test]
fn the_catalogue_is_what_its_schema_says() {
    let schema = workspace().join("instrument-core/docs/catalogue.schema.json");
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let schema = schema.to_str().expect("the path is text");
    let schema = compiler
        .compile(schema, &mut schemas)
        .expect("it is a schema");
    for name in PROGRAMS {
        let mut catalogue = catalogue(name);
        schemas
            .validate(&catalogue, schema)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let all = names(&catalogue);
        assert!(
            all.is_sorted() && all.contains(&"process_cpu_seconds_total"),
            "{all:?}"
        );
        catalogue["metrics"][0]["kind"] = "meter".into();
        assert!(
            schemas.validate(&catalogue, schema).is_err(),
            "the schema refuses nothing"
        );
    }
}

#[test]
fn labels_buckets_and_sources_are_told() {
    let catalogue = catalogue("sentinel-daemon");
    let metric = |name: &str| {
        let metrics = catalogue["metrics"].as_array().expect("a list");
        let found = metrics.iter().find(|metric| metric["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let signals = metric("sentinel_trading_signals_total");
    assert_eq!(signals["labels"][0]["key"], "action");
    assert_eq!(
        signals["labels"][0]["values"],
        serde_json::json!(["BUY", "SELL"])
    );
    let site = &signals["sites"][0];
    let (file, line) = (
        site["file"].as_str().expect("a file"),
        site["line"].as_u64(),
    );
    let source = fs::read_to_string(workspace().join(file)).expect("the file is there");
    let line = source.lines().nth(line.expect("a line") as usize - 1);
    assert!(
        line.is_some_and(|line| line.contains("SIGNALS")),
        "{line:?}"
    );
    let fetch = metric("sentinel_data_fetch_duration_seconds");
    assert_eq!(
        (&fetch["kind"], &fetch["unit"]),
        (&"histogram".into(), &"seconds".into())
    );
    assert_eq!(fetch["buckets"][0], 0.001);
    let functions = fetch["sites"].as_array().expect("a list").iter();
    assert!(
        functions
            .filter_map(|site| site["function"].as_str())
            .count()
            > 0,
        "{fetch}"
    );
}

/// Names of a page's lines.
fn lines(page: &str) -> BTreeSet<&str> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect()
}

fn families(page: &str) -> BTreeSet<&str> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}

/// The names that a keep-list keeps.
fn kept(list: &str) -> BTreeSet<String> {
    let regex = list.split('"').nth(1).expect("the expression is quoted");
    let joined = regex.replace("\\\n", "").replace(' ', "");
    joined.split('|').map(str::to_owned).collect()
}

#[test]
fn a_running_daemon_shows_what_its_catalogue_says() {
    let mut daemon = Running::daemon(&["--metrics-port", "0"]);
    agrees("sentinel-daemon", &page(&daemon.metrics_addr()));
}

fn agrees(name: &str, page: &str) {
    let catalogue = catalogue(name);
    let all: BTreeSet<_> = names(&catalogue).into_iter().collect();
    let unknown: Vec<_> = families(page).difference(&all).copied().collect::<Vec<_>>();
    assert!(
        unknown.is_empty(),
        "{name} shows what it does not tell: {unknown:?}"
    );
    let kept = kept(&told(name, "keep-list"));
    let dropped: Vec<_> = lines(page)
        .into_iter()
        .filter(|line| !kept.contains(*line))
        .collect();
    assert!(
        dropped.is_empty(),
        "{name}: its keep-list drops {dropped:?}"
    );
}

#[test]
fn the_page_at_zero_has_every_family() {
    for name in PROGRAMS {
        let page = told(name, "openmetrics");
        assert!(page.ends_with("# EOF\n"), "{page}");
        let mut samples = page.lines().filter(|line| !line.starts_with('#'));
        let moved = samples.find(|line| !line.ends_with(" 0"));
        assert_eq!(moved, None, "{name}");
        assert_eq!(
            families(&page).len(),
            names(&catalogue(name)).len(),
            "{name}"
        );
    }
}

#[test]
fn the_reference_in_docs_is_the_programs_own() {
    for name in PROGRAMS {
        let path = format!("docs/metrics/{name}.md");
        let written = fs::read_to_string(workspace().join(&path)).unwrap_or_default();
        assert!(
            written == told(name, "markdown"),
            "{path} is not what {name} says; make it anew:\n    cargo run -q -p {name} -- metrics --format markdown > {path}"
        );
    }
}

#[test]
fn an_unknown_format_is_refused_with_those_that_are_known() {
    for name in PROGRAMS {
        let output = run(name, &["metrics", "--format", "xml"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("'xml'")
                && said.contains("[possible values: json, markdown, openmetrics, keep-list]"),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_accepts_the_keep_list_in_a_scrape() {
    let folder = Folder::new("keep-list");
    for name in PROGRAMS {
        let list = told(name, "keep-list").replace('\n', "\n    ");
        let config = format!("scrape_configs:\n  - job_name: {name}\n    {list}");
        let path = format!("{}/prometheus.yml", folder.path());
        fs::write(&path, config).expect("the folder takes a file");
        let check = Command::new("promtool")
            .args(["check", "config", &path])
            .output();
        let check = check.expect("promtool is installed by ./test.sh");
        assert!(
            check.status.success(),
            "{}",
            String::from_utf8_lossy(&check.stderr)
        );
    }
}
