//! A price server: answers the vendor's intraday request from recorded bars, as if a past hour were now.
//!
//! The caller says what time it is with `to`, and learns from the reply's headers which time that was taken for and
//! which comes next, in steps of an hour or, as it asks with `step`, of a minute. The server keeps no clock and no
//! session, so any number of callers replay at their own pace.

mod replay;

use std::io;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state as layer;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::replay::{Prices, PricesError, StepLength};
use super::traffic::{self, Route};

/// Reply header with the market time the reply is for, unix seconds.
pub const NOW_HEADER: &str = "x-replay-now";

/// Reply header with the market time of the next step, unix seconds; smaller than now where the replay starts over.
pub const NEXT_HEADER: &str = "x-replay-next";

/// The one symbol served, with the vendor's suffix for currencies.
const SYMBOL: &str = "EURUSD.FOREX";

/// The parameters that matter. The vendor's `api_token` is not read, so it cannot end up anywhere.
#[derive(Deserialize)]
struct Parameters {
    interval: Option<String>,
    fmt: Option<String>,
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, Error)]
enum Refusal {
    #[error("symbol: `{got}`; accepted: `{SYMBOL}`")]
    Symbol { got: String },
    #[error("{name}: `{got}`; accepted: {accepted}")]
    Parameter {
        name: &'static str,
        got: String,
        accepted: &'static str,
    },
    #[error(transparent)]
    Query(#[from] QueryRejection),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Symbol { .. } => StatusCode::NOT_FOUND,
            Self::Parameter { .. } | Self::Query(_) => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// Serves `prices` on `listener` until `stop`.
///
/// # Errors
/// What the listener reports.
pub async fn serve(
    listener: TcpListener,
    prices: Prices,
    stop: CancellationToken,
) -> io::Result<()> {
    serve_beside(Router::new(), listener, prices, stop).await
}

/// As [`serve`], beside other pages.
pub(super) async fn serve_beside(
    pages: Router,
    listener: TcpListener,
    prices: Prices,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route(
            "/api/intraday/{symbol}",
            get(intraday).layer(layer(Route::Intraday, traffic::answer)),
        )
        .fallback_service(
            get(async || StatusCode::NOT_FOUND)
                .fallback(async || StatusCode::NOT_FOUND)
                .layer(layer(Route::Other, traffic::answer)),
        )
        .with_state(prices)
        .merge(pages);
    super::serve_http(listener, router, stop, super::DRAIN).await
}

async fn intraday(
    State(prices): State<Prices>,
    Path(symbol): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    if symbol != SYMBOL {
        return Err(Refusal::Symbol { got: symbol });
    }
    let Query(parameters) = parameters?;
    require("interval", parameters.interval, "1h", "`1h`")?;
    require("fmt", parameters.fmt, "json", "`json`")?;
    let (from, to) = (
        seconds("from", parameters.from)?,
        seconds("to", parameters.to)?,
    );
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(Refusal::Parameter {
            name: "from",
            got: from.to_string(),
            accepted: "a time not after `to`",
        });
    }
    let reply = prices.at(from, to, length(parameters.step)?);
    let headers = [
        (NOW_HEADER, reply.now.to_string()),
        (NEXT_HEADER, reply.next.to_string()),
    ];
    Ok((headers, Json(reply)).into_response())
}

/// The vendor's own defaults are other ones, so both parameters must be there.
fn require(
    name: &'static str,
    got: Option<String>,
    value: &str,
    accepted: &'static str,
) -> Result<(), Refusal> {
    let got = got.unwrap_or_default();
    if got == value {
        Ok(())
    } else {
        Err(Refusal::Parameter {
            name,
            got,
            accepted,
        })
    }
}

/// Of each step; the vendor has no such parameter, as the present needs none.
fn length(got: Option<String>) -> Result<StepLength, Refusal> {
    let Some(got) = got else {
        return Ok(StepLength::default());
    };
    StepLength::from_str(&got, false).map_err(|_| Refusal::Parameter {
        name: "step",
        got,
        accepted: "`hour` or `minute`",
    })
}

fn seconds(name: &'static str, got: Option<String>) -> Result<Option<i64>, Refusal> {
    got.map(|got| {
        got.parse().map_err(|_| Refusal::Parameter {
            name,
            got,
            accepted: "a whole number of unix seconds",
        })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::super::bench::Running;
    use super::replay::{HOUR, REACH, just_opened};
    use super::*;
    use crate::bar::Bar;
    use crate::history;
    use serde_json::Value;

    const FIRST_STEP: i64 = 1_510_200_000;
    const LAST_STEP: i64 = 1_518_015_600;
    /// Friday 2017-11-10 21:00, the last hour of a week, and Sunday 22:00, the first of the next.
    const FRIDAY: i64 = 1_510_347_600;
    const SUNDAY: i64 = 1_510_524_000;

    struct Answer {
        status: u16,
        now: Option<i64>,
        next: Option<i64>,
        body: Value,
    }

    async fn ask(symbol: &str, query: &str) -> Answer {
        let running =
            Running::start(|listener, stop| serve(listener, Prices::shipped(), stop)).await;
        let url = format!(
            "{}/api/intraday/{symbol}?api_token=secret{query}",
            running.url
        );
        let reply = running.client.get(url).send().await.unwrap();
        let header = |name| {
            reply
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().parse().unwrap())
        };
        let (status, now, next) = (
            reply.status().as_u16(),
            header(NOW_HEADER),
            header(NEXT_HEADER),
        );
        let answer = Answer {
            status,
            now,
            next,
            body: reply.json().await.unwrap(),
        };
        running.stop().await.unwrap();
        answer
    }

    async fn hours(query: &str) -> Answer {
        let answer = ask(SYMBOL, &format!("&interval=1h&fmt=json{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    fn bars(answer: &Answer) -> Vec<Bar> {
        serde_json::from_value(answer.body.clone()).unwrap()
    }

    #[tokio::test]
    async fn bars_come_in_the_vendors_words() {
        let answer = hours(&format!("&from={FIRST_STEP}&to={}", FIRST_STEP + HOUR)).await;
        let expected = json!([
            {
                "timestamp": 1_510_200_000, "gmtoffset": 0, "datetime": "2017-11-09 04:00:00",
                "open": 1.15916, "high": 1.1598, "low": 1.1591, "close": 1.1596, "volume": 1404.0,
            },
            {
                "timestamp": 1_510_203_600, "gmtoffset": 0, "datetime": "2017-11-09 05:00:00",
                "open": 1.15962, "high": 1.15962, "low": 1.15962, "close": 1.15962, "volume": 0.0,
            },
        ]);
        assert_eq!(answer.body, expected);
    }

    #[tokio::test]
    async fn without_a_time_the_replay_starts_with_its_history() {
        let answer = hours("").await;
        assert_eq!(
            (answer.now, answer.next),
            (Some(FIRST_STEP), Some(FIRST_STEP + HOUR))
        );
        let bars = bars(&answer);
        assert_eq!(bars[0].time, FIRST_STEP - REACH);
        assert!(bars.is_sorted_by(|one, other| one.time < other.time));
        let history = history::eurusd();
        let closed = &bars[..bars.len() - 1];
        assert_eq!(
            closed,
            &history[history::TRAINING_BARS - closed.len()..history::TRAINING_BARS]
        );
    }

    #[tokio::test]
    async fn forming_bar_shows_nothing_but_its_open() {
        let answer = hours(&format!("&to={LAST_STEP}")).await;
        let whole = history::eurusd()[4_999];
        assert!(whole.high > whole.open && whole.close < whole.open);
        assert_eq!(bars(&answer).last(), Some(&just_opened(&whole)));
    }

    #[tokio::test]
    async fn weekend_is_snapped_to_the_last_hour_of_the_week() {
        let answer = hours(&format!("&to={}", SUNDAY - 1)).await;
        assert_eq!((answer.now, answer.next), (Some(FRIDAY), Some(SUNDAY)));
        assert_eq!(bars(&answer).last().map(|bar| bar.time), Some(FRIDAY));
    }

    #[tokio::test]
    async fn minutes_pass_while_a_bar_forms() {
        let answer = hours(&format!("&step=minute&to={}", FRIDAY + 3_539)).await;
        let (now, next) = (FRIDAY + 3_480, FRIDAY + 3_540);
        assert_eq!((answer.now, answer.next), (Some(now), Some(next)));
        let answer = hours(&format!("&step=minute&to={next}")).await;
        assert_eq!((answer.now, answer.next), (Some(next), Some(SUNDAY)));
        assert_eq!(bars(&answer).last().map(|bar| bar.time), Some(FRIDAY));
    }

    #[tokio::test]
    async fn time_before_the_replay_is_taken_for_its_first_step() {
        let answer = hours("&to=0").await;
        assert_eq!(answer.now, Some(FIRST_STEP));
    }

    #[tokio::test]
    async fn replay_starts_over_after_its_last_bar() {
        let answer = hours(&format!("&to={}", i64::MAX)).await;
        assert_eq!(
            (answer.now, answer.next),
            (Some(LAST_STEP), Some(FIRST_STEP))
        );
    }

    #[tokio::test]
    async fn bars_before_from_are_cut() {
        let from = FIRST_STEP - 2 * HOUR;
        let answer = hours(&format!("&from={from}&to={FIRST_STEP}")).await;
        let times: Vec<i64> = bars(&answer).iter().map(|bar| bar.time).collect();
        assert_eq!(times, [from, from + HOUR, FIRST_STEP]);
    }

    #[tokio::test]
    async fn nothing_has_begun_between_the_snapped_time_and_a_later_from() {
        let answer = hours(&format!(
            "&from={}&to={}",
            FIRST_STEP + 60,
            FIRST_STEP + 120
        ))
        .await;
        assert_eq!((answer.now, answer.body), (Some(FIRST_STEP), json!([])));
    }

    #[tokio::test]
    async fn unknown_symbol_is_not_found_and_named() {
        let answer = ask("GBPUSD.FOREX", "&interval=1h&fmt=json").await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.body,
            json!({ "error": "symbol: `GBPUSD.FOREX`; accepted: `EURUSD.FOREX`" })
        );
    }

    #[tokio::test]
    async fn bad_parameter_is_named_with_what_is_accepted() {
        for (query, error) in [
            ("&interval=5m&fmt=json", "interval: `5m`; accepted: `1h`"),
            ("&fmt=json", "interval: ``; accepted: `1h`"),
            ("&interval=1h&fmt=csv", "fmt: `csv`; accepted: `json`"),
            (
                "&interval=1h&fmt=json&step=day",
                "step: `day`; accepted: `hour` or `minute`",
            ),
            (
                "&interval=1h&fmt=json&from=noon",
                "from: `noon`; accepted: a whole number of unix seconds",
            ),
            (
                "&interval=1h&fmt=json&to=1.5",
                "to: `1.5`; accepted: a whole number of unix seconds",
            ),
            (
                "&interval=1h&fmt=json&from=2&to=1",
                "from: `2`; accepted: a time not after `to`",
            ),
        ] {
            let answer = ask(SYMBOL, query).await;
            assert_eq!(
                (answer.status, answer.body),
                (400, json!({ "error": error })),
                "{query}"
            );
        }
    }

    #[tokio::test]
    async fn parameter_given_twice_is_refused_by_name() {
        let answer = ask(SYMBOL, "&interval=1h&fmt=json&to=1&to=2").await;
        assert_eq!(answer.status, 400);
        let error = answer.body["error"].as_str().unwrap();
        assert!(
            error.contains("`to`") && !error.contains("secret"),
            "{error}"
        );
    }
}
