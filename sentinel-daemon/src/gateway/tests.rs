//! The client against the paper gateway and against gateways that misbehave, over TCP on this machine.

use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use zmq::PollEvents;

use super::*;
use crate::bar::Side;
use crate::counterpart::gateway::scratch::Scratch;
use crate::counterpart::gateway::{PaperConfig, PaperServer, ServeError, serve};
use signature::{OrderTerms, RiskKey};

const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// Longer than any of these tests may take: only a hang gets there.
const FAR: Duration = Duration::from_secs(30);

fn timeouts(send_ms: u64, receive_ms: u64) -> Timeouts {
    Timeouts {
        send: Duration::from_millis(send_ms),
        receive: Duration::from_millis(receive_ms),
    }
}

fn patient() -> Timeouts {
    Timeouts {
        send: FAR,
        receive: FAR,
    }
}

fn order(side: Side) -> OpenOrder {
    OpenOrder {
        uuid: Uuid::new_v4(),
        terms: OrderTerms {
            price: 1.1,
            stop_loss: 0.0,
            symbol: "EURUSD".to_owned(),
            take_profit: 0.0,
            side,
            volume: 0.1,
        },
        comment: String::new(),
        risk_signature: None,
    }
}

fn paper(config: PaperConfig) -> (PaperServer, DropGuard) {
    let stop = CancellationToken::new();
    let server = serve(ANY_PORT, config, stop.clone()).unwrap();
    (server, stop.drop_guard())
}

fn to(server: &PaperServer) -> Gateway {
    Gateway::connect(server.endpoint(), patient()).unwrap()
}

/// A gateway made by hand: for each request `answer` says which messages go back. It ends with the value.
struct Fake {
    endpoint: String,
    heard: mpsc::Receiver<Value>,
    _stop: DropGuard,
}

impl Fake {
    fn new(mut answer: impl FnMut(&Value) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = zmq::Context::new().socket(zmq::ROUTER).unwrap();
        socket.set_linger(0).unwrap();
        socket.bind(ANY_PORT).unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        let (tell, heard) = mpsc::channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        thread::spawn(move || {
            while !stopped.is_cancelled() {
                if socket.poll(PollEvents::POLLIN, 20).unwrap() == 0 {
                    continue;
                }
                let mut frames = socket.recv_multipart(0).unwrap();
                let request = serde_json::from_slice(&frames.pop().unwrap()).unwrap();
                for reply in answer(&request) {
                    let envelope = frames.iter().cloned();
                    socket.send_multipart(envelope.chain([reply]), 0).unwrap();
                }
                // The test may have heard enough.
                tell.send(request).ok();
            }
        });
        Self {
            endpoint,
            heard,
            _stop: stop.drop_guard(),
        }
    }

    fn client(&self, timeouts: Timeouts) -> Gateway {
        Gateway::connect(&self.endpoint, timeouts).unwrap()
    }

    fn next_request(&self) -> Value {
        self.heard.recv_timeout(FAR).unwrap()
    }
}

fn pong(request: &Value) -> Vec<u8> {
    json!({"uuid": request["uuid"], "status": "ok", "server_time": 1.0, "latency_ms": 2.0,
        "gateway_session": "s"})
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn a_position_is_opened_listed_and_closed_at_the_paper_gateway() {
    let (server, _stop) = paper(PaperConfig::default());
    let gateway = to(&server);
    let pong = gateway.ping().await.unwrap();
    assert!(!pong.gateway_session.is_empty());

    let opened = gateway.open(&order(Side::Sell)).await.unwrap();
    assert_eq!((opened.ticket, opened.profit), (1, None));
    let positions = gateway.positions(Some("EURUSD")).await.unwrap();
    assert_eq!((positions.len(), positions[0].side), (1, Side::Sell));
    assert!(gateway.positions(Some("GBPUSD")).await.unwrap().is_empty());

    let close = CloseOrder {
        uuid: Uuid::new_v4(),
        ticket: opened.ticket,
        volume: opened.volume,
        price: Some(1.09),
    };
    let closed = gateway.close(&close).await.unwrap();
    let profit = closed.profit.unwrap();
    assert!((profit - 99.0).abs() < 1e-6, "{profit}");
    let account = gateway.account().await.unwrap();
    assert!((account.balance - 10_099.0).abs() < 1e-6, "{account:?}");
    assert!(gateway.positions(None).await.unwrap().is_empty());

    // The same close again is the same fill; another one finds no position.
    assert_eq!(gateway.close(&close).await.unwrap(), closed);
    let stranger = CloseOrder {
        uuid: Uuid::new_v4(),
        ..close
    };
    assert!(matches!(
        gateway.close(&stranger).await,
        Err(GatewayError::Refused(refusal)) if refusal.code == "MT5_CLOSE_FAILED"
    ));
}

#[tokio::test]
async fn an_order_can_be_asked_after() {
    let (server, _stop) = paper(PaperConfig::default());
    let gateway = to(&server);
    let good = order(Side::Buy);
    assert_eq!(
        gateway.order(good.uuid).await.unwrap(),
        OrderState::NotFound
    );
    let fill = gateway.open(&good).await.unwrap();
    assert_eq!(
        gateway.order(good.uuid).await.unwrap(),
        OrderState::Filled(fill)
    );

    let mut huge = order(Side::Buy);
    huge.terms.volume = 50.0;
    let Err(GatewayError::Refused(refusal)) = gateway.open(&huge).await else {
        panic!("50 lots were filled")
    };
    assert_eq!(refusal.retcode, Some(10019));
    assert_eq!(
        gateway.order(huge.uuid).await.unwrap(),
        OrderState::Refused(refusal)
    );
}

#[tokio::test]
async fn both_sides_agree_on_the_risk_signature() {
    let key = RiskKey::random();
    let (server, _stop) = paper(PaperConfig {
        risk_key: Some(key.clone()),
        ..PaperConfig::default()
    });
    let gateway = to(&server);
    let mut signed = order(Side::Buy);
    // Digits that would differ if either side wrote or read numbers in its own way.
    signed.terms.price = 0.1 + 1.0 / 3.0;
    signed.terms.volume = 0.1 + 0.2;
    signed.risk_signature = Some(key.sign(&signed.terms, Timestamp::now()));
    gateway.open(&signed).await.unwrap();
    assert!(matches!(
        gateway.open(&order(Side::Buy)).await,
        Err(GatewayError::Refused(refusal)) if refusal.code == "RISK_SIGNATURE_INVALID"
    ));
}

#[tokio::test]
async fn a_restarted_gateway_is_found_again_with_its_positions() {
    let room = Scratch::new();
    let config = PaperConfig {
        state_file: Some(room.path("state.json")),
        ..PaperConfig::default()
    };
    let (first, stop) = paper(config.clone());
    let endpoint = first.endpoint().to_owned();
    let gateway = to(&first);
    let session = gateway.ping().await.unwrap().gateway_session;
    gateway.open(&order(Side::Buy)).await.unwrap();
    drop(stop);
    first.finished().await.unwrap();

    let stop = CancellationToken::new();
    let second = serve(&endpoint, config, stop.clone()).unwrap();
    let again = Gateway::connect(&endpoint, patient()).unwrap();
    assert_eq!(again.ping().await.unwrap().gateway_session, session);
    assert_eq!(again.positions(None).await.unwrap().len(), 1);
    stop.cancel();
    second.finished().await.unwrap();
}

#[tokio::test]
async fn an_endpoint_in_use_is_told_to_the_caller() {
    let (server, _stop) = paper(PaperConfig::default());
    let second = serve(
        server.endpoint(),
        PaperConfig::default(),
        CancellationToken::new(),
    );
    assert!(matches!(
        second,
        Err(ServeError::Bind { endpoint, source: zmq::Error::EADDRINUSE }) if endpoint == server.endpoint()
    ));
}

#[tokio::test]
async fn the_paper_gateway_survives_what_is_no_request() {
    let (server, stop) = paper(PaperConfig::default());
    let socket = zmq::Context::new().socket(zmq::REQ).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_rcvtimeo(30_000).unwrap();
    socket.connect(server.endpoint()).unwrap();
    for message in [
        vec![vec![0xff, 0xfe]],
        vec![Vec::new()],
        vec![b"{\"action\":\"PING\"}".to_vec(), Vec::new()],
        vec![b"{\"action\":".to_vec(), b"\"PING\"}".to_vec()],
        vec![vec![b'x'; 10_000_000]],
    ] {
        socket.send_multipart(message, 0).unwrap();
        let reply: Value = serde_json::from_slice(&socket.recv_bytes(0).unwrap()).unwrap();
        assert_eq!(
            (&reply["error_code"], &reply["uuid"]),
            (&json!("INVALID_JSON"), &Value::Null)
        );
    }
    to(&server).ping().await.unwrap();
    drop(stop);
    server.finished().await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_is_not_there_means_that_nothing_was_sent() {
    let (server, stop) = paper(PaperConfig::default());
    let endpoint = server.endpoint().to_owned();
    drop(stop);
    server.finished().await.unwrap();
    let gateway = Gateway::connect(&endpoint, timeouts(200, 30_000)).unwrap();
    assert!(matches!(
        gateway.open(&order(Side::Buy)).await,
        Err(GatewayError::Send)
    ));
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_told_at_once() {
    assert!(matches!(
        Gateway::connect("gateway:5555", patient()),
        Err(GatewayError::Socket(zmq::Error::EINVAL))
    ));
}

#[tokio::test]
async fn a_silent_gateway_leaves_the_outcome_unknown_and_the_next_request_starts_afresh() {
    let mut requests = 0;
    let fake = Fake::new(move |request| {
        requests += 1;
        if requests == 1 {
            vec![]
        } else {
            vec![pong(request)]
        }
    });
    let gateway = fake.client(timeouts(30_000, 200));
    let lost = order(Side::Buy);
    assert!(matches!(
        gateway.open(&lost).await,
        Err(GatewayError::Timeout)
    ));
    // Its late answer, had there been one, would have gone down with the socket.
    gateway.ping().await.unwrap();
    assert_eq!(fake.next_request()["uuid"], lost.uuid.to_string());
    assert_eq!(fake.next_request()["action"], "PING");
}

#[tokio::test]
async fn a_gateway_that_dies_mid_request_leaves_the_outcome_unknown() {
    let socket = zmq::Context::new().socket(zmq::REP).unwrap();
    socket.set_linger(0).unwrap();
    socket.bind(ANY_PORT).unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    let dying = thread::spawn(move || socket.recv_bytes(0).unwrap());
    let gateway = Gateway::connect(&endpoint, timeouts(30_000, 200)).unwrap();
    assert!(matches!(
        gateway.open(&order(Side::Buy)).await,
        Err(GatewayError::Timeout)
    ));
    dying.join().unwrap();
}

#[tokio::test]
async fn garbage_is_a_bad_reply_and_does_not_reach_the_next_request() {
    let mut requests = 0;
    let fake = Fake::new(move |request| {
        requests += 1;
        match requests {
            1 => vec![b"\xffHTTP/1.1 400".to_vec(), b"more".to_vec()],
            2 => vec![b"{\"status\":\"FILLED\"}".to_vec(), b"more".to_vec()],
            _ => vec![pong(request)],
        }
    });
    let gateway = fake.client(patient());
    for _ in 0..2 {
        assert!(matches!(
            gateway.open(&order(Side::Buy)).await,
            Err(GatewayError::BadReply { .. })
        ));
    }
    gateway.ping().await.unwrap();
}

#[tokio::test]
async fn a_reply_with_another_uuid_is_dropped_and_its_own_awaited() {
    let fake = Fake::new(|request| {
        let mut other = request.clone();
        other["uuid"] = json!(Uuid::new_v4().to_string());
        vec![pong(&other), pong(&other), pong(request)]
    });
    fake.client(patient()).ping().await.unwrap();
}

#[tokio::test]
async fn replies_with_another_uuid_do_not_lengthen_the_wait() {
    let fake = Fake::new(|_| vec![pong(&json!({"uuid": "other"}))]);
    assert!(matches!(
        fake.client(timeouts(30_000, 200)).ping().await,
        Err(GatewayError::Timeout)
    ));
}

#[tokio::test]
async fn an_error_that_names_no_request_is_the_answer() {
    let fake = Fake::new(|_| vec![b"{\"uuid\":null,\"status\":\"error\"}".to_vec()]);
    assert!(matches!(
        fake.client(patient()).ping().await,
        Err(GatewayError::Refused(_))
    ));
}

#[tokio::test]
async fn a_request_that_waited_too_long_in_the_queue_is_never_sent() {
    let fake = Fake::new(|request| match request["action"].as_str() {
        Some("PING") => vec![pong(request)],
        _ => vec![],
    });
    let gateway = fake.client(timeouts(1_000, 3_000));
    let (slow, late) = (order(Side::Buy), order(Side::Sell));
    let (first, second) = tokio::join!(gateway.open(&slow), gateway.open(&late));
    assert!(matches!(first, Err(GatewayError::Timeout)), "{first:?}");
    assert!(matches!(second, Err(GatewayError::Send)), "{second:?}");
    gateway.ping().await.unwrap();
    assert_eq!(fake.next_request()["uuid"], slow.uuid.to_string());
    assert_eq!(fake.next_request()["action"], "PING");
}

#[tokio::test]
async fn an_abandoned_request_does_not_hold_up_the_next() {
    let fake = Fake::new(|request| match request["action"].as_str() {
        Some("PING") => vec![pong(request)],
        _ => vec![],
    });
    let gateway = fake.client(patient());
    let abandoned = gateway.clone();
    let task = tokio::spawn(async move { abandoned.open(&order(Side::Buy)).await });
    let heard = tokio::task::spawn_blocking(move || {
        fake.next_request();
        fake
    });
    let fake = heard.await.unwrap();
    task.abort();
    gateway.ping().await.unwrap();
    assert_eq!(fake.next_request()["action"], "PING");
}

#[tokio::test]
async fn stopping_ends_what_is_under_way_and_what_comes_after() {
    let fake = Fake::new(|_| vec![]);
    let gateway = fake.client(patient());
    let asking = gateway.clone();
    let under_way = tokio::spawn(async move { asking.ping().await });
    let queued = gateway.clone();
    let waiting = tokio::spawn(async move { queued.ping().await });
    tokio::task::spawn_blocking(move || fake.next_request())
        .await
        .unwrap();
    gateway.stop().await;
    for task in [under_way, waiting] {
        assert!(matches!(task.await.unwrap(), Err(GatewayError::Stopped)));
    }
    assert!(matches!(gateway.ping().await, Err(GatewayError::Stopped)));
    gateway.stop().await;
}

#[test]
fn dropping_the_client_with_a_request_under_way_returns_at_once() {
    let fake = Fake::new(|_| vec![]);
    let gateway = fake.client(Timeouts {
        send: Duration::from_hours(1),
        receive: Duration::from_hours(1),
    });
    let (done, returned) = mpsc::channel();
    let (go, heard) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let ended = gateway.line.ended_token();
        let asking = gateway.clone();
        runtime.spawn(async move { asking.ping().await });
        heard.recv().unwrap();
        drop(runtime);
        drop(gateway);
        done.send(ended).unwrap();
    });
    fake.next_request();
    go.send(()).unwrap();
    let ended = returned.recv_timeout(FAR).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let thread_end = async { tokio::time::timeout(FAR, ended.cancelled()).await };
    runtime.block_on(thread_end).unwrap();
}
