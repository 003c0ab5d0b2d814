//! Calls everything that is annotated, and fails unless nothing of it is on the page. It is run, built alone, by
//! `instrument-core/tests/record_off.rs`.

use std::mem::size_of_val;
use std::process::ExitCode;

use instrument_core::{LabelValue, counted, metrics, timed};

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

metrics! {
    /// Signals seen.
    static SIGNALS: Counter<(side: Side)> = "off_signals_total";
    /// Whether a server answers.
    static UP: Gauge<(server: configured)> = "off_up";
    /// Lots of an order.
    static LOTS: Histogram = "off_lots", buckets = [1.0];
    /// The mode.
    static MODE: Info<(side: Side)> = "off_mode";
}

#[timed("off_check", labels(side), in_flight)]
#[counted(SIGNALS, on = error, labels(side))]
fn check(side: Side) -> Result<u32, u32> {
    if matches!(side, Side::Buy) {
        Ok(1)
    } else {
        Err(2)
    }
}

#[timed]
async fn annotated(bytes: [u8; 64]) -> usize {
    std::future::ready(()).await;
    bytes.len()
}

async fn plain(bytes: [u8; 64]) -> usize {
    std::future::ready(()).await;
    bytes.len()
}

struct Desk(u32);

#[timed]
impl Desk {
    #[timed(skip)]
    fn lots(&self) -> u32 {
        self.0
    }

    fn doubled(&self) -> u32 {
        self.lots() * 2
    }
}

fn main() -> ExitCode {
    let Ok(exporter) = instrument_core::install() else {
        return ExitCode::from(2);
    };
    let results = (check(Side::Buy), check(Side::Sell), Desk(2).doubled());
    let up = UP.series("hub");
    up.set(1.0);
    SIGNALS.inc(Side::Buy);
    LOTS.observe(0.5);
    MODE.set(Side::Buy);
    let same_size = size_of_val(&annotated([0; 64])) == size_of_val(&plain([0; 64]));
    // What the page says of itself and of the process stays.
    let page = exporter.render();
    let mut samples = page.lines().filter(|line| !line.starts_with('#'));
    let of_the_page = |line: &str| line.starts_with("instrument_") || line.starts_with("process_");
    let mut families = exporter.catalogue().families();
    let silent = families.all(|family| of_the_page(family.name)) && samples.all(of_the_page);
    if results == (Ok(1), Err(2), 4) && same_size && silent {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
