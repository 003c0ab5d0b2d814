//! What a program says of its metrics before it starts: the four formats of its catalogue.

use std::collections::BTreeSet;

use instrument_core::{Builder, CatalogueFormat, LabelValue, counted, metrics, timed};

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    #[label("a \"b\" \\")]
    Odd,
}

metrics! {
    /// Orders of a symbol. Each is counted once.
    static ORDERS: Counter<(symbol: configured, side: Side)> = "told_orders_total";
    /// Open `positions` of *all* accounts.
    static OPEN: Gauge = "told_open_positions";
    /// Seconds since the start.
    static UPTIME: Gauge = "told_uptime_seconds", compute = || 7.0;
    /// Seconds of a step.
    static STEP: Histogram<(side: Side)> = "told_step_seconds", buckets = [0.00001, 0.5, 60.0];
    /// Bytes of a page.
    static PAGE: Histogram = "told_page_bytes", buckets = [10.0];
}

/// Reads a bar.
#[timed("told_read")]
#[counted("told_reads", labels(venue = %venue), limit = 3)]
fn read(venue: &str) -> Result<(), String> {
    if venue.is_empty() {
        Err("no venue".to_owned())
    } else {
        Ok(())
    }
}

#[timed]
fn plain() {}

fn told(format: CatalogueFormat) -> String {
    let program = Builder::new().program("teller", "1.2.3");
    let program = program.summaries("told_page_*").global_label("desk", "fx");
    program.describe(format).expect("there are no conflicts")
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    let mut lines = text.lines().filter(|line| line.starts_with(start));
    let found = lines.next();
    found.unwrap_or_else(|| panic!("no line starts with {start} in\n{text}"))
}

#[test]
fn json_has_every_metric_on_a_line_of_its_own() {
    let json = told(CatalogueFormat::Json);
    assert!(json.starts_with("{\"schema\":1,\"metrics\":[\n"), "{json}");
    assert!(json.ends_with("}\n]}\n"), "{json}");
    for (name, expected) in [
        (
            "told_orders_total",
            r#""kind":"counter","unit":null,"help":"Orders of a symbol.","labels":[{"key":"desk","values":["fx"]},{"key":"symbol","values":null},{"key":"side","values":["buy","a \"b\" \\"]}],"buckets":null,"sites":[{"file":"#,
        ),
        (
            "told_uptime_seconds",
            r#""kind":"gauge","unit":"seconds","help":"Seconds since the start.","labels":[{"key":"desk","values":["fx"]}],"buckets":null,"#,
        ),
        (
            "told_step_seconds",
            r#""kind":"histogram","unit":"seconds","help":"Seconds of a step.","labels":[{"key":"desk","values":["fx"]},{"key":"side","values":["buy","a \"b\" \\"]}],"buckets":[0.00001,0.5,60],"#,
        ),
        (
            "told_page_bytes",
            r#""kind":"summary","unit":"bytes","help":"Bytes of a page.","labels":[{"key":"desk","values":["fx"]}],"buckets":null,"#,
        ),
        (
            "told_reads_total",
            r#""kind":"counter","unit":null,"help":"Reads a bar.","labels":[{"key":"desk","values":["fx"]},{"key":"venue","values":null},{"key":"outcome","values":["ok","error","panic"]}],"#,
        ),
        (
            "instrument_label_overflow_total",
            r#""kind":"counter","unit":null,"help":"Records that went to the label value _other, as the limit was reached.","labels":[{"key":"desk","values":["fx"]},{"key":"metric","values":["told_orders_total","told_reads_total"]}],"#,
        ),
        (
            "instrument_invalid_samples_total",
            r#""kind":"counter","unit":null,"help":"Observations that were not finite; NaN is in no bucket, neither is in a sum.","labels":[{"key":"desk","values":["fx"]},{"key":"reason","values":["infinite","nan"]}],"buckets":null,"sites":[{"file":"instrument-core/src/observe.rs","line":"#,
        ),
        (
            "process_resident_memory_bytes",
            r#""kind":"gauge","unit":"bytes","#,
        ),
    ] {
        let line = line(&json, &format!("{{\"name\":\"{name}\","));
        assert!(line.contains(expected), "{line}");
    }
    let read = line(&json, "{\"name\":\"told_read_duration_seconds\"");
    let site = "instrument-core/tests/describe.rs\",\"line\":";
    assert!(
        read.contains(site) && read.contains("\"function\":\"read\"}]"),
        "{read}"
    );
    let plain = line(&json, "{\"name\":\"function_duration_seconds\"");
    assert!(
        plain.contains(r#"{"key":"function","values":["plain"]}"#),
        "{plain}"
    );
}

/// Of no observations there is no quantile.
fn is_empty_quantile(line: &str) -> bool {
    line.starts_with("told_page_bytes{") && line.ends_with(" NaN")
}

#[test]
fn the_page_has_everything_at_zero() {
    let page = told(CatalogueFormat::OpenMetrics);
    assert!(page.ends_with("# EOF\n"), "{page}");
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let wrong: Vec<_> = samples
        .filter(|line| !line.ends_with(" 0") && !is_empty_quantile(line))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for line in [
        "told_step_seconds_bucket{desk=\"fx\",side=\"buy\",le=\"1e-05\"} 0\n",
        "told_uptime_seconds{desk=\"fx\"} 0\n",
        "instrument_clock_info{desk=\"fx\",source=\"tsc\"} 0\n",
        "process_threads{desk=\"fx\"} 0\n",
        // Their series come with configuration and calls.
        "# HELP told_orders Orders of a symbol.\n# TYPE told_orders counter\n# HELP",
        "# TYPE told_reads counter\n# HELP",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    let families = told(CatalogueFormat::Json).matches("{\"name\":").count();
    assert_eq!(page.matches("# TYPE ").count(), families);
}

/// The names that the regular expression of a keep-list lists.
fn kept(list: &str) -> Vec<String> {
    let regex = list.split('"').nth(1).expect("the expression is quoted");
    let joined = regex.replace("\\\n", "").replace(' ', "");
    joined.split('|').map(str::to_owned).collect()
}

#[test]
fn the_keep_list_names_each_line_of_each_format_once() {
    let list = kept(&told(CatalogueFormat::KeepList));
    let unique: BTreeSet<_> = list.iter().map(String::as_str).collect();
    assert_eq!(list.len(), unique.len());
    let of = |start: &str| -> Vec<&str> {
        unique
            .iter()
            .copied()
            .filter(|name| name.starts_with(start))
            .collect()
    };
    assert_eq!(
        of("told_step"),
        [
            "told_step_seconds_bucket",
            "told_step_seconds_count",
            "told_step_seconds_created",
            "told_step_seconds_sum"
        ]
    );
    assert_eq!(
        of("told_orders"),
        ["told_orders_created", "told_orders_total"]
    );
    assert_eq!(of("told_open"), ["told_open_positions"]);
    assert_eq!(
        of("told_page"),
        [
            "told_page_bytes",
            "told_page_bytes_count",
            "told_page_bytes_created",
            "told_page_bytes_sum"
        ]
    );
    let without = Builder::new().created_timestamps(false);
    let without = without
        .describe(CatalogueFormat::KeepList)
        .expect("no conflicts");
    assert!(!kept(&without).iter().any(|name| name.ends_with("_created")));
}

#[test]
fn the_keep_list_keeps_what_a_running_program_shows_and_nothing_else() {
    let exporter = instrument_core::install().expect("there are no conflicts");
    plain();
    read("lse").expect("it has a name");
    let symbol = ORDERS.series("EURUSD");
    symbol.inc(Side::Buy);
    OPEN.set(2.0);
    STEP.observe(Side::Odd, 0.1);
    PAGE.observe(3.0);
    let list = Builder::new()
        .describe(CatalogueFormat::KeepList)
        .expect("no conflicts");
    let list = kept(&list);
    let mut shown = BTreeSet::new();
    for page in [exporter.render(), exporter.render_openmetrics()] {
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        shown.extend(samples.filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned())));
    }
    // A program that no page has told of yet has no `instrument_compute_panics_total`, for example.
    assert_eq!(shown, list.into_iter().collect::<BTreeSet<_>>());
}

#[test]
fn the_reference_is_for_people_and_has_no_line_numbers() {
    let text = told(CatalogueFormat::Markdown);
    assert!(text.starts_with("# Metrics of teller\n"), "{text}");
    for section in [
        "\n## `told_step_seconds`\n\nSeconds of a step.\n\n- histogram, in seconds\n- label `desk`: `fx`\n\
         - label `side`: `buy`, `a \"b\" \\`\n- buckets up to 0.00001, 0.5, 60\n- in `instrument-core/tests/describe.rs`\n",
        "\n## `told_open_positions`\n\nOpen `positions` of \\*all\\* accounts.\n\n- gauge\n",
        "- in `instrument-core/tests/describe.rs`: `read`\n",
    ] {
        assert!(text.contains(section), "{section} is not in\n{text}");
    }
}

#[test]
fn a_format_is_read_from_its_text_and_another_is_refused_by_name() {
    for name in CatalogueFormat::NAMES {
        assert_eq!(
            name.parse::<CatalogueFormat>()
                .map(|format| format.to_string()),
            Ok(name.to_owned())
        );
    }
    let refused = "xml".parse::<CatalogueFormat>().expect_err("it is none");
    assert_eq!(
        refused.to_string(),
        "`xml` is no format of a catalogue; accepted: json, markdown, openmetrics, keep-list"
    );
}
