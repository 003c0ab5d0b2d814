//! The client against the paper gateway, over TCP on this machine.

mod contract;
mod misbehaving;

use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::bar::Side;
use crate::counterpart::gateway::scratch::Scratch;
use crate::counterpart::gateway::{PaperConfig, PaperServer, ServeError, serve};
use signature::{OrderTerms, RiskKey};

const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// Longer than any of these tests may take: only a hang gets there.
const FAR: Duration = Duration::from_secs(30);

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
        gateway.order(good.uuid, 100.0).await.unwrap(),
        OrderState::NotFound
    );
    let fill = gateway.open(&good).await.unwrap();
    assert_eq!(
        gateway.order(good.uuid, 100.0).await.unwrap(),
        OrderState::Filled(fill)
    );

    let mut huge = order(Side::Buy);
    huge.terms.volume = 50.0;
    let Err(GatewayError::Refused(refusal)) = gateway.open(&huge).await else {
        panic!("50 lots were filled")
    };
    assert_eq!(refusal.retcode, Some(10019));
    assert_eq!(
        gateway.order(huge.uuid, 100.0).await.unwrap(),
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
    let config = || PaperConfig {
        state_file: Some(room.held("state.json")),
        ..PaperConfig::default()
    };
    let (first, stop) = paper(config());
    let endpoint = first.endpoint().to_owned();
    let gateway = to(&first);
    let session = gateway.ping().await.unwrap().gateway_session;
    gateway.open(&order(Side::Buy)).await.unwrap();
    drop(stop);
    first.finished().await.unwrap();

    let stop = CancellationToken::new();
    let second = serve(&endpoint, config(), stop.clone()).unwrap();
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
