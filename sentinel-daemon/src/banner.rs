//! The lines for a person at the start: what runs, with what, and where to look.

use std::net::SocketAddr;

use crate::config::Config;
use crate::counterpart::prices::StepLength;
use crate::embedded::Counterparts;

/// What a person is told once everything is up.
pub(crate) fn banner(config: &Config, counterparts: &Counterparts, port: u16) -> String {
    let embedded = |given: bool| if given { "" } else { " (embedded)" };
    let pace = if config.pace.is_zero() {
        "as fast as it goes".to_owned()
    } else {
        format!("every {} s", config.pace.as_secs_f64())
    };
    let step = match config.replay_step {
        StepLength::Hour => "bar",
        StepLength::Minute => "minute",
    };
    let prices = if config.vendor.is_none() {
        format!(
            "a REPLAY of real hours of 2017 and 2018, a new {step} {pace}, from {}",
            counterparts.vendor
        )
    } else {
        counterparts.vendor.clone()
    };
    let gateway = counterparts.gateway.as_deref().unwrap_or("none");
    let at = config
        .metrics
        .first()
        .filter(|addr| !addr.ip().is_loopback() && !addr.ip().is_unspecified());
    let host = at.map_or_else(
        || "localhost".to_owned(),
        |addr| match addr {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        },
    );
    let lab = config
        .lab
        .as_ref()
        .and_then(|lab| lab.settings.lab.as_ref());
    let lab = lab.map_or_else(String::new, |lab| {
        let (root, every) = (lab.root.display(), lab.interval);
        format!("\n  lab      {root}, every {every:?}")
    });
    format!(
        "sentinel-daemon {version}\n  \
         mode     {mode}\n  \
         symbol   {symbol}, hourly bars\n  \
         prices   {prices}{vendor_is}\n  \
         model    {hub}{hub_is}, trades above {threshold:.3}\n  \
         gateway  {gateway}{gateway_is}{lab}\n  \
         metrics  http://{host}:{port}/metrics\n  \
         health   http://{host}:{port}/health\n  \
         stop     Ctrl-C, or SIGTERM\n",
        version = env!("CARGO_PKG_VERSION"),
        mode = config.mode.describe(),
        symbol = config.symbol,
        vendor_is = embedded(config.vendor.is_some()),
        hub = counterparts.hub,
        hub_is = embedded(config.hub.is_some()),
        threshold = config.threshold,
        gateway_is = embedded(config.gateway.is_some() || counterparts.gateway.is_none()),
    )
}
