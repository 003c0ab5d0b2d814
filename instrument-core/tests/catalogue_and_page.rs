//! The catalogue and the page name the same families, with the same kinds, help and labels: neither knows one that the
//! other does not.

use std::collections::BTreeMap;

use instrument_core::{Builder, LabelValue, counted, metrics, timed};

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

metrics! {
    /// Orders by what became of them.
    static ORDERS: Counter<(side: Side)> = "agree_orders_total";
    /// Whether the server answers.
    static UP: Gauge<(server: configured)> = "agree_up";
}

/// Fetches.
#[timed(in_flight)]
fn fetch() -> Result<(), String> {
    Ok(())
}

/// Submits.
#[counted("agree_submits", labels(symbol = %symbol), limit = 4)]
fn submit(symbol: &str) {
    assert!(!symbol.is_empty());
}

/// What the heads and the samples of a page say of a family: its kind, its help, and its label keys.
type Said = (String, String, Vec<String>);

fn families(page: &str) -> BTreeMap<String, Said> {
    let mut families: BTreeMap<String, Said> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("help has a text");
            current = name.to_owned();
            families.entry(current.clone()).or_default().1 = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type has a word");
            assert_eq!(name, current, "each family has help, and before its type");
            families.entry(current.clone()).or_default().0 = kind.to_owned();
        } else {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest);
            let mut keys: Vec<String> = labels
                .split("=\"")
                .filter_map(|before| before.rsplit(['"', ',']).next())
                .filter(|key| !key.is_empty() && !key.contains('}') && *key != "le")
                .map(str::to_owned)
                .collect();
            keys.sort();
            families.entry(current.clone()).or_default().2 = keys;
        }
    }
    families
}

#[test]
fn neither_knows_a_family_that_the_other_does_not() {
    let builder = Builder::new().program("agree", "1");
    #[cfg(feature = "tokio-metrics")]
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("threads can be started");
    #[cfg(feature = "tokio-metrics")]
    let builder = builder.tokio_runtime(runtime.handle());
    let exporter = builder.install().expect("there are no conflicts");
    // A family of free or configured labels has no series before the first of them is met.
    let _up = UP.series("one");
    submit("EURUSD");
    fetch().expect("it never fails");
    ORDERS.inc(Side::Buy);
    ORDERS.inc(Side::Sell);

    let on_page = families(&exporter.render());
    let catalogue = exporter.catalogue();
    let known: BTreeMap<String, Said> = catalogue
        .families()
        .map(|family| {
            let mut keys: Vec<String> = family.keys.iter().map(|&key| key.to_owned()).collect();
            keys.sort();
            let said = (family.kind.name().to_owned(), family.help.clone(), keys);
            (family.name.to_owned(), said)
        })
        .collect();
    assert_eq!(on_page, known);
    for name in [
        "instrument_scrape_bytes",
        "agree_up",
        "function_duration_seconds",
    ] {
        assert!(known.contains_key(name), "{name}");
    }
    #[cfg(target_os = "linux")]
    assert!(known.contains_key("process_cpu_seconds_total"));
    #[cfg(feature = "tokio-metrics")]
    assert!(known.contains_key("tokio_worker_parks_total"));
    assert!(catalogue.families().all(|family| !family.sites.is_empty()));
}
