//! The price vendor's client (EODHD intraday): one request, strictly read.

use std::time::Duration;

use instrument_core::{counted, timed};
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};

use crate::bar::Bar;
use crate::config::Secret;
use crate::counterpart::prices::{NEXT_HEADER, NOW_HEADER, StepLength};
use crate::http::{self, CallError};
use crate::metrics::{self, Endpoint};

/// How long a fetch may take, from connecting to the last byte. Source: the predecessor's.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How far back to ask, in seconds: three weeks hold 360 hours of trading, of which 200 are needed, holidays or not.
const SPAN: i64 = 21 * 24 * 3600;

/// A client of one vendor.
#[derive(Debug)]
pub struct Vendor {
    client: Client,
    base: String,
    token: Option<Secret>,
    step: StepLength,
}

/// The two market times that a replaying price server sends along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayStep {
    /// The market time of this answer, unix seconds.
    pub now: i64,
    /// The market time of the next step; before `now` where the replay begins again.
    pub next: i64,
}

/// What a fetch brings.
#[derive(Debug)]
pub struct Fetched {
    /// Bars in rising order of time; the last may still be forming.
    pub bars: Vec<Bar>,
    /// Present if the server replays the past.
    pub replay: Option<ReplayStep>,
}

impl Vendor {
    /// A client of the vendor at `base`, without a trailing path; `step` is what it asks for should that be a replay.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(
        base: &str,
        token: Option<Secret>,
        step: StepLength,
    ) -> Result<Self, reqwest::Error> {
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self {
            client: http::client(&base, TIMEOUT)?,
            base,
            token,
            step,
        })
    }

    /// Fetches the hourly bars of `symbol` up to the market time `now`; `at` is that time if it is to be asked
    /// for, as a replay needs it.
    ///
    /// # Errors
    /// [`CallError`]; its code is counted.
    #[timed(metrics::DATA_FETCH)]
    #[counted(metrics::DATA_FETCH_FAILED, on = error)]
    #[counted(metrics::API_ERRORS, on = error, labels(endpoint = Endpoint::Eodhd, error_code = err.code()))]
    pub async fn fetch(
        &self,
        symbol: &str,
        now: Option<i64>,
        at: Option<i64>,
    ) -> Result<Fetched, CallError> {
        // Only a service beyond this machine's neighbourhood asks for a token.
        if self.token.is_none() && self.base.starts_with("https:") {
            return Err(CallError::NoApiKey);
        }
        let (headers, bars) = self.send(self.request(symbol, now, at)).await?;
        let replay = replay_step(&headers)?;
        // A replay asked for the present has nothing to show, but says what time it has.
        if bars.is_empty() && replay.is_none() {
            return Err(CallError::Empty);
        }
        check(&bars)?;
        Ok(Fetched { bars, replay })
    }

    fn request(&self, symbol: &str, now: Option<i64>, at: Option<i64>) -> RequestBuilder {
        let url = format!("{}/api/intraday/{symbol}.FOREX", self.base);
        let mut query = vec![("interval", "1h".to_owned()), ("fmt", "json".to_owned())];
        query.extend(now.map(|now| ("from", (now - SPAN).to_string())));
        query.extend(at.map(|at| ("to", at.to_string())));
        // The present has no steps; it is asked for up to now and no further.
        let may_be_a_replay = at.is_some() || now.is_none();
        if may_be_a_replay && self.step == StepLength::Minute {
            query.push(("step", "minute".to_owned()));
        }
        query.extend(
            self.token
                .as_ref()
                .map(|token| ("api_token", token.reveal().to_owned())),
        );
        self.client.get(url).query(&query)
    }

    #[counted(metrics::API_CALLS, on = enter, labels(endpoint = Endpoint::Eodhd))]
    async fn send(&self, request: RequestBuilder) -> Result<(HeaderMap, Vec<Bar>), CallError> {
        http::call(request, TIMEOUT).await
    }
}

/// Refuses bars that no market makes: out of order, not finite, or with a range that does not hold its prices.
fn check(bars: &[Bar]) -> Result<(), CallError> {
    let bad = |i: usize, what: &str| Err(CallError::BadAnswer(format!("bar {i}: {what}")));
    for (i, bar) in bars.iter().enumerate() {
        let prices = [bar.open, bar.high, bar.low, bar.close];
        if !prices.iter().all(|price| price.is_finite() && *price > 0.0) || !bar.volume.is_finite()
        {
            return bad(i, "a price is not a positive number, or the volume is none");
        }
        if bar.high < bar.open.max(bar.close) || bar.low > bar.open.min(bar.close) {
            return bad(i, "a price lies outside low and high");
        }
        if i > 0 && bars[i - 1].time >= bar.time {
            return bad(i, "its time does not come after the one before");
        }
    }
    Ok(())
}

fn replay_step(headers: &HeaderMap) -> Result<Option<ReplayStep>, CallError> {
    let time = |name: &str| {
        let Some(value) = headers.get(name) else {
            return Ok(None);
        };
        let time = value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        time.map(Some)
            .ok_or_else(|| CallError::BadAnswer(format!("header {name} is no unix time")))
    };
    Ok(time(NOW_HEADER)?
        .zip(time(NEXT_HEADER)?)
        .map(|(now, next)| ReplayStep { now, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(time: i64, close: f64) -> Bar {
        Bar {
            time,
            open: 1.2,
            high: 1.3,
            low: 1.1,
            close,
            volume: 0.0,
        }
    }

    #[test]
    fn impossible_bars_are_refused_with_their_place() {
        assert!(check(&[bar(0, 1.2), bar(3600, 1.25)]).is_ok());
        for (bars, text) in [
            ([bar(0, 1.2), bar(0, 1.2)], "bar 1: its time"),
            ([bar(0, 1.4), bar(3600, 1.2)], "bar 0: a price lies outside"),
            ([bar(0, 1.2), bar(3600, f64::NAN)], "bar 1: a price is not"),
            ([bar(0, 1.2), bar(3600, -1.0)], "bar 1: a price is not"),
        ] {
            let error = check(&bars).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!(error.code(), metrics::ErrorCode::BadJson);
        }
    }

    #[test]
    fn the_token_is_in_the_query_and_nowhere_else() {
        let token = Some(Secret::new("s3cret"));
        let vendor = Vendor::new("http://127.0.0.1:1/", token, StepLength::Hour).unwrap();
        assert!(!format!("{vendor:?}").contains("s3cret"));
        let request = vendor
            .request("EURUSD", Some(2_000_000), Some(2_000_000))
            .build()
            .unwrap();
        assert_eq!(
            request.url().as_str(),
            "http://127.0.0.1:1/api/intraday/EURUSD.FOREX?interval=1h&fmt=json&from=185600&to=2000000&api_token=s3cret"
        );
    }

    #[test]
    fn steps_are_asked_of_what_may_be_a_replay_only() {
        let vendor = Vendor::new("http://127.0.0.1:1", None, StepLength::Minute).unwrap();
        for (now, at, asks) in [
            (None, None, true),
            (Some(2_000_000), Some(2_000_000), true),
            (Some(2_000_000), None, false),
        ] {
            let request = vendor.request("EURUSD", now, at).build().unwrap();
            let query = request.url().query().unwrap_or_default();
            assert_eq!(query.contains("step=minute"), asks, "{query}");
        }
    }
}
