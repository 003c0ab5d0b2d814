//! The client against gateways that are silent, garbled, dying or not there, over TCP on this machine.

use std::sync::mpsc;
use std::thread;

use zmq::PollEvents;

use super::*;

fn timeouts(send_ms: u64, receive_ms: u64) -> Timeouts {
    Timeouts {
        send: Duration::from_millis(send_ms),
        receive: Duration::from_millis(receive_ms),
    }
}

/// A gateway made by hand: for each request `answer` says which messages go back. It ends with the value.
pub(super) struct Fake {
    endpoint: String,
    heard: mpsc::Receiver<Value>,
    _stop: DropGuard,
}

impl Fake {
    pub(super) fn new(mut answer: impl FnMut(&Value) -> Vec<Vec<u8>> + Send + 'static) -> Self {
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

    pub(super) fn client(&self, timeouts: Timeouts) -> Gateway {
        Gateway::connect(&self.endpoint, timeouts).unwrap()
    }

    fn next_request(&self) -> Value {
        self.heard.recv_timeout(FAR).unwrap()
    }
}

fn pong(request: &Value) -> Vec<u8> {
    json!({"uuid": request["uuid"], "status": "ok", "server_time": 1.0, "latency_ms": 2.0,
        "gateway_session": "own"})
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn a_gateway_that_is_not_there_means_that_nothing_was_sent() {
    // Bound and not listening: the port refuses, and nobody else can take it meanwhile.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("tcp://{}", taken.local_addr().unwrap());
    let gateway = Gateway::connect(&endpoint, timeouts(200, 30_000)).unwrap();
    assert!(matches!(
        gateway.open(&order(Side::Buy)).await,
        Err(GatewayError::Send)
    ));
}

#[tokio::test]
async fn a_peer_that_does_not_speak_the_protocol_means_that_nothing_was_sent() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", mute.local_addr().unwrap());
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
        let stranger = json!({"uuid": Uuid::new_v4().to_string(), "status": "ok", "server_time": 1.0,
            "latency_ms": 2.0, "gateway_session": "stranger's"});
        let stranger = stranger.to_string().into_bytes();
        vec![stranger.clone(), stranger, pong(request)]
    });
    let pong = fake.client(patient()).ping().await.unwrap();
    assert_eq!(pong.gateway_session, "own");
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
    let gateway = fake.client(timeouts(1_000, 1_500));
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
