//! What client and paper gateway really say, held against the protocol as it is written down.

use boon::{Compiler, SchemaIndex, Schemas};

use super::misbehaving::Fake;
use super::*;
use crate::counterpart::gateway::PaperGateway;

/// The protocol as it is written down.
struct Protocol {
    compiler: Compiler,
    schemas: Schemas,
}

impl Protocol {
    fn read() -> Self {
        let text = include_str!("../../../protocol/gateway.schema.json");
        let mut compiler = Compiler::new();
        compiler
            .add_resource("gateway.json", serde_json::from_str(text).unwrap())
            .unwrap();
        Self {
            compiler,
            schemas: Schemas::new(),
        }
    }

    fn part(&mut self, name: &str) -> SchemaIndex {
        let place = format!("gateway.json#/$defs/{name}");
        self.compiler.compile(&place, &mut self.schemas).unwrap()
    }

    fn allows(&mut self, name: &str, message: &Value) -> Result<(), String> {
        let part = self.part(name);
        let checked = self.schemas.validate(message, part);
        checked.map_err(|error| format!("{name}: {error:#}\n{message:#}"))
    }
}

/// Which part of the protocol answers an action.
fn answer_to(action: &str) -> &'static str {
    match action {
        "PING" => "pong",
        "OPEN" => "opened",
        "CLOSE" => "closed",
        "GET_ORDER" => "order",
        "GET_ACCOUNT" => "account",
        "GET_POSITIONS" => "positions",
        "SYNC_ALL" => "everything",
        other => panic!("{other} is no action"),
    }
}

fn sync_all() -> Value {
    json!({"uuid": Uuid::new_v4().to_string(), "action": "SYNC_ALL", "timestamp": 1.5})
}

/// Everything the client can ask, said to a paper gateway; what was said comes back in pairs.
async fn said() -> Vec<(Value, Value)> {
    let key = RiskKey::random();
    let config = PaperConfig {
        risk_key: Some(key.clone()),
        ..PaperConfig::default()
    };
    let mut paper = PaperGateway::new(config).unwrap();
    let (tell, heard) = std::sync::mpsc::channel();
    let fake = Fake::new(move |request| {
        let reply = paper.handle(request.to_string().as_bytes(), Timestamp::now());
        let json: Value = serde_json::from_slice(&reply).unwrap();
        tell.send((request.clone(), json)).unwrap();
        if request["action"] == "GET_ACCOUNT" {
            // The client has no use for it, but the gateway answers it.
            let all = sync_all();
            let reply = paper.handle(all.to_string().as_bytes(), Timestamp::now());
            tell.send((all, serde_json::from_slice(&reply).unwrap()))
                .unwrap();
        }
        vec![reply]
    });
    let gateway = fake.client(patient());
    gateway.ping().await.unwrap();
    let mut good = order(Side::Buy);
    good.risk_signature = Some(key.sign(&good.terms, Timestamp::now()));
    let opened = gateway.open(&good).await.unwrap();
    let unsigned = order(Side::Sell);
    gateway.open(&unsigned).await.unwrap_err();
    gateway.positions(None).await.unwrap();
    gateway.positions(Some("EURUSD")).await.unwrap();
    gateway.account().await.unwrap();
    for price in [Some(1.2), None] {
        let close = CloseOrder {
            uuid: Uuid::new_v4(),
            ticket: opened.ticket,
            volume: opened.volume,
            price,
        };
        // The second finds nothing to close.
        assert_eq!(gateway.close(&close).await.is_ok(), price.is_some());
        gateway.order(close.uuid, 100.0).await.unwrap();
    }
    gateway.order(good.uuid, 100.0).await.unwrap();
    gateway.order(Uuid::new_v4(), 100.0).await.unwrap();
    drop((gateway, fake));
    heard.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_what_is_written_down() {
    let mut protocol = Protocol::read();
    let said = said().await;
    let mut actions = std::collections::BTreeSet::new();
    for (request, reply) in &said {
        let action = request["action"].as_str().unwrap();
        actions.insert(action.to_owned());
        let asked = protocol.allows(&action.to_ascii_lowercase(), request);
        asked.unwrap_or_else(|error| panic!("{error}"));
        let refused = ["REJECTED", "error"]
            .iter()
            .any(|no| reply["status"] == **no);
        let part = if refused {
            "refused"
        } else {
            answer_to(action)
        };
        let answered = protocol.allows(part, reply);
        answered.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(request["uuid"], reply["uuid"]);
    }
    assert_eq!(actions.len(), 7, "each action was said: {actions:?}");
}

#[test]
fn what_no_peer_may_say_is_not_allowed() {
    let mut protocol = Protocol::read();
    let open = json!({"uuid": "u", "action": "OPEN", "timestamp": 1.5, "symbol": "EURUSD", "type": "BUY",
        "volume": 0.1, "price": 1.1, "sl": 0.0, "tp": 0.0, "comment": "",
        "risk_signature": "RISK_PASS:0123456789abcdef:1500"});
    protocol.allows("request", &open).unwrap();
    for (field, value) in [
        ("type", json!("HOLD")),
        ("volume", json!(0)),
        ("symbol", json!("")),
        ("timestamp", json!("now")),
        ("risk_signature", json!("RISK_PASS:0123:1500")),
        ("stop", json!(1)),
    ] {
        let mut wrong = open.clone();
        wrong[field] = value;
        assert!(protocol.allows("request", &wrong).is_err(), "{wrong}");
    }
    let filled = json!({"uuid": "u", "status": "FILLED", "ticket": 1, "volume": 0.1, "price": 1.1});
    protocol.allows("opened", &filled).unwrap();
    for (field, value) in [
        ("status", json!("ok")),
        ("status", json!("PARTIAL")),
        ("ticket", json!(null)),
        ("price", json!(-1.0)),
    ] {
        let mut wrong = filled.clone();
        wrong[field] = value;
        assert!(protocol.allows("opened", &wrong).is_err(), "{wrong}");
    }
}
