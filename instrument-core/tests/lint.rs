//! The linter over whole files: every mistake is found on its line, and sound rule sets stay silent.
//!
//! In `lint/found`, a comment `# expect CODE…` stands on the line where something must be found (where none can stand, a file
//! `.expected` lists line and code); everything else in those files must stay silent. `lint/clean` must be silent
//! altogether. `lint/known` holds the catalogues and pages of both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use instrument_core::lint::{Code, Linter, Options, Report};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/lint")
        .join(name)
}

fn files(name: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(name)).expect("the folder is part of the repository");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("names are text")
}

/// Lints one file against everything in `known`.
fn lint(path: &Path) -> Report {
    let mut linter = Linter::new(&Options::default());
    for known in files("known", "json") {
        linter
            .catalogue(file_name(&known), &read(&known))
            .expect("a catalogue");
    }
    for known in files("known", "prom") {
        linter
            .external(file_name(&known), &read(&known))
            .expect("a page");
    }
    linter
        .file(file_name(path), &read(path))
        .unwrap_or_else(|error| panic!("{error}"));
    linter.finish()
}

/// Codes by line, without those on metrics that one file cannot all use.
fn found(report: &Report) -> BTreeMap<usize, Vec<&'static str>> {
    let mut lines: BTreeMap<usize, Vec<&'static str>> = BTreeMap::new();
    for finding in report
        .findings
        .iter()
        .filter(|finding| finding.code != Code::Unused)
    {
        lines
            .entry(finding.line)
            .or_default()
            .push(finding.code.name());
    }
    for codes in lines.values_mut() {
        codes.sort_unstable();
    }
    lines
}

fn expected(path: &Path, text: &str) -> BTreeMap<usize, Vec<String>> {
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let beside = path.with_extension("expected");
    if beside.exists() {
        for line in read(&beside).lines() {
            let (number, code) = line.split_once(' ').expect("line and code");
            lines
                .entry(number.parse().expect("a line number"))
                .or_default()
                .push(code.to_owned());
        }
    }
    for (index, line) in text.lines().enumerate() {
        if let Some((_, codes)) = line.split_once("# expect ") {
            lines.insert(
                index + 1,
                codes.split_whitespace().map(str::to_owned).collect(),
            );
        }
    }
    for codes in lines.values_mut() {
        codes.sort_unstable();
    }
    lines
}

fn all_are_found(extension: &str) {
    let paths = files("found", extension);
    assert!(!paths.is_empty());
    for path in paths {
        let report = lint(&path);
        assert!(
            report.errors.is_empty(),
            "{}: {:?}",
            path.display(),
            report.errors
        );
        let expected = expected(&path, &read(&path));
        let texts: Vec<String> = report
            .findings
            .iter()
            .filter(|finding| finding.code != Code::Unused)
            .map(ToString::to_string)
            .collect();
        let found: BTreeMap<usize, Vec<String>> = found(&report)
            .into_iter()
            .map(|(line, codes)| (line, codes.into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(found, expected, "{}:\n{}", path.display(), texts.join("\n"));
    }
}

#[test]
fn every_mistake_in_rules_is_found_on_its_line() {
    all_are_found("yml");
    // What Prometheus itself does not take as a rule file.
    all_are_found("yaml");
}

#[test]
fn every_mistake_in_dashboards_is_found_on_its_line() {
    all_are_found("json");
}

#[test]
fn sound_rules_and_dashboards_are_silent() {
    for path in ["yml", "yaml", "json"]
        .map(|extension| files("clean", extension))
        .concat()
    {
        let report = lint(&path);
        assert!(
            report.errors.is_empty(),
            "{}: {:?}",
            path.display(),
            report.errors
        );
        assert!(
            found(&report).is_empty(),
            "{}: {:#?}",
            path.display(),
            report
                .findings
                .iter()
                .filter(|finding| finding.code != Code::Unused)
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn every_code_that_fails_has_a_fixture() {
    let mut codes: Vec<&str> = files("found", "yml")
        .into_iter()
        .chain(files("found", "json"))
        .flat_map(|path| {
            found(&lint(&path))
                .into_values()
                .flatten()
                .collect::<Vec<_>>()
        })
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let all: Vec<String> = (1..=17).map(|number| format!("L{number:03}")).collect();
    let failing: Vec<&str> = codes
        .into_iter()
        .filter(|code| code.starts_with('L'))
        .collect();
    assert_eq!(failing, all);
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_instrument-lint"))
        .current_dir(folder(""))
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn the_program_prints_places_sorted_and_exits_with_1() {
    let output = program(&["--catalogue", "known/quantum.json", "found/quantum.yml"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with(
            "found/quantum.yml:12:15: L004: `increase` of `quantum_safety_faults_last_1h`"
        ),
        "{out}"
    );
    assert!(
        lines[0].ends_with("(alert `QuantumSafetyFaultSpike`)"),
        "{out}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("known/quantum.json:5:10: I001: ")),
        "{out}"
    );
}

#[test]
fn information_alone_exits_with_0() {
    let output = program(&[
        "--catalogue",
        "known/sentinel.json",
        "--external",
        "known/redis.prom",
        "clean/redis.yml",
    ]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.lines().all(|line| line.contains(": I001: ")), "{out}");
}

#[test]
fn unreadable_input_exits_with_2_and_names_file_and_line() {
    let output = program(&["--catalogue", "known/none.json", "clean/redis.yml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot read known/none.json"));
    assert!(output.stdout.is_empty(), "all would be unknown");
    let output = program(&["--external", "clean/redis.yml", "clean/redis.yml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("clean/redis.yml:1:1: neither"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(program(&[]).status.code(), Some(2));
}

#[test]
fn json_output_has_a_place_and_a_code_for_each_finding() {
    let output = program(&[
        "--format",
        "json",
        "known/quantum.json",
        "found/quantum.yml",
    ]);
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(findings[0]["code"], "L004");
    assert_eq!(findings[0]["line"], 12);
}

fn report(rules: &str) -> Report {
    let mut linter = Linter::new(&Options::default());
    linter.file("rules.yml", rules).expect("rules");
    linter.finish()
}

#[test]
fn an_expression_that_is_not_promql_is_an_error_with_its_place() {
    let report = report("groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up ==\n");
    assert!(
        report.errors[0]
            .to_string()
            .starts_with("rules.yml:5:11: not PromQL"),
        "{:?}",
        report.errors
    );
}

#[test]
fn a_rule_without_an_expression_is_an_error_with_its_place() {
    let mut linter = Linter::new(&Options::default());
    let error = linter
        .file("rules.yml", "groups:\n- name: a\n  rules:\n  - alert: A\n")
        .expect_err("no expr");
    assert_eq!(
        error.to_string(),
        "rules.yml:4:5: expected a rule to have an `expr`"
    );
}

#[test]
fn labels_of_the_scrape_configuration_are_known_when_it_is_given() {
    let catalogue = r#"{"schema": 1, "metrics": [{"name": "x", "kind": "gauge", "labels": []}]}"#;
    let rules = "groups: [{name: g, rules: [{alert: A, expr: 'x{floor=\"2\"} > 1'}]}]";
    let config =
        "scrape_configs: [{job_name: a, static_configs: [{targets: [b], labels: {floor: 2}}]}]";
    let count = |files: &[&str]| {
        let mut linter = Linter::new(&Options::default());
        linter.catalogue("c.json", catalogue).expect("a catalogue");
        for file in files {
            linter.file("f.yml", file).expect("a file");
        }
        linter.finish().findings.len()
    };
    assert_eq!((count(&[rules]), count(&[rules, config])), (1, 0));
}

#[test]
fn a_range_over_a_recorded_series_is_held_against_its_groups_interval() {
    let rules = "groups:\n- name: a\n  interval: 1m\n  rules:\n  - {record: 'a:b', expr: up}\n  - {alert: A, expr: 'delta(a:b[2m]) > 1'}\n  - {alert: B, expr: 'delta(a:b[4m]) > 1'}\n";
    let report = report(rules);
    let places: Vec<(usize, Code)> = report
        .findings
        .iter()
        .map(|finding| (finding.line, finding.code))
        .collect();
    assert_eq!(places, [(6, Code::ShortRange)]);
}

#[test]
fn a_job_that_the_configuration_lacks_is_found_when_it_is_given() {
    let rules = "groups: [{name: g, rules: [{alert: A, expr: 'up{job=\"execution\"} == 0'}]}]";
    let mut linter = Linter::new(&Options::default());
    linter.file("rules.yml", rules).expect("rules");
    linter
        .file("prometheus.yml", "scrape_configs: [{job_name: ai-engine}]")
        .expect("a configuration");
    let codes: Vec<Code> = linter
        .finish()
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(codes, [Code::ImpossibleValue]);
}

#[test]
fn a_pattern_of_names_uses_what_it_fits() {
    let mut linter = Linter::new(&Options::default());
    let catalogue = r#"{"schema": 1, "metrics": [{"name": "a_x_seconds", "kind": "histogram", "labels": []}, {"name": "b", "kind": "gauge", "labels": []}]}"#;
    linter.catalogue("c.json", catalogue).expect("a catalogue");
    let rules =
        "groups: [{name: g, rules: [{record: 'r:r', expr: 'count({__name__=~\"a_.*_count\"})'}]}]";
    linter.file("rules.yml", rules).expect("rules");
    let texts: Vec<String> = linter
        .finish()
        .findings
        .iter()
        .map(|finding| finding.text.clone())
        .collect();
    assert_eq!(texts, ["no rule and no panel uses `b`"]);
}

#[test]
#[ignore = "needs promtool"]
fn promtool_accepts_every_rule_file() {
    for path in [files("found", "yml"), files("clean", "yml")].concat() {
        let copy =
            std::env::temp_dir().join(format!("{}-{}", std::process::id(), file_name(&path)));
        fs::write(&copy, read(&path).replace("${MIN_UPTIME}", "60")).expect("a temporary file");
        let output = Command::new("promtool")
            .args(["check", "rules"])
            .arg(&copy)
            .output()
            .expect("promtool is installed by ./test.sh");
        fs::remove_file(&copy).expect("it was just written");
        assert!(
            output.status.success(),
            "{}: {}",
            path.display(),
            text(&output.stderr)
        );
    }
}
