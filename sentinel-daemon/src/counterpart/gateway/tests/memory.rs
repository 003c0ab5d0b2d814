//! What the paper gateway knows again: orders that come twice, and everything after a restart.

use std::path::Path;

use super::super::scratch::Scratch;
use super::*;
use crate::state::HeldFile;

fn kept_in(path: &Path) -> PaperConfig {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap();
    let file = HeldFile::take(path.parent().unwrap(), name).unwrap();
    PaperConfig {
        state_file: Some(file),
        ..PaperConfig::default()
    }
}

#[test]
fn an_order_sent_again_is_answered_again_and_filled_once() {
    let mut gateway = gateway();
    let first = ask(&mut gateway, &open("u", &json!({})));
    assert_eq!(ask(&mut gateway, &open("u", &json!({}))), first);
    // Only the uuid tells: another volume under it is still the same order.
    assert_eq!(
        ask(&mut gateway, &open("u", &json!({"volume": 0.5}))),
        first
    );
    let closed = ask(&mut gateway, &close("v", 1, &json!(1.2)));
    assert_eq!(ask(&mut gateway, &close("v", 1, &json!(1.3))), closed);
    assert_eq!(ask(&mut gateway, &open("w", &json!({})))["ticket"], 2);
}

#[test]
fn an_order_rejected_once_stays_rejected() {
    let mut gateway = gateway();
    ask(&mut gateway, &open("a", &json!({"volume": 2.0})));
    let no = ask(&mut gateway, &open("b", &json!({"volume": 2.0})));
    ask(&mut gateway, &close("c", 1, &Value::Null));
    assert_eq!(ask(&mut gateway, &open("b", &json!({"volume": 2.0}))), no);
}

#[test]
fn get_order_gives_the_first_reply_or_says_that_there_is_none() {
    let mut gateway = gateway();
    let get = |order: &str| json!({"uuid": "g", "action": "GET_ORDER", "order_uuid": order});
    let unknown = ask(&mut gateway, &get("u"));
    assert_eq!(
        unknown,
        json!({"uuid": "g", "status": "NOT_FOUND", "order_uuid": "u"})
    );
    let mut first = ask(&mut gateway, &open("u", &json!({})));
    first["uuid"] = json!("g");
    first["order_uuid"] = json!("u");
    assert_eq!(ask(&mut gateway, &get("u")), first);
    let nothing = ask(&mut gateway, &json!({"uuid": "g", "action": "GET_ORDER"}));
    assert_refused(&nothing, "error", "MISSING_UUID", &json!(10013));
}

#[test]
fn account_replies_and_session_outlive_a_restart() {
    let room = Scratch::new();
    let path = room.path("state.json");
    let ping = json!({"uuid": "p", "action": "PING"});
    let mut before = PaperGateway::new(kept_in(&path)).unwrap();
    let session = ask(&mut before, &ping)["gateway_session"].clone();
    let first = ask(&mut before, &open("a", &json!({})));
    ask(
        &mut before,
        &open("b", &json!({"type": "SELL", "price": 1.2})),
    );
    ask(&mut before, &close("c", 2, &json!(1.15)));
    let account_before = before.account.clone();
    drop(before);

    let mut after = PaperGateway::new(PaperConfig {
        balance: 5.0,
        ..kept_in(&path)
    })
    .unwrap();
    assert_eq!(after.account, account_before);
    assert_eq!(ask(&mut after, &ping)["gateway_session"], session);
    assert_eq!(ask(&mut after, &open("a", &json!({}))), first);
    assert_eq!(ask(&mut after, &open("d", &json!({})))["ticket"], 3);
}

#[test]
fn session_is_kept_even_if_nothing_was_traded() {
    let room = Scratch::new();
    let path = room.path("state.json");
    let [one, two] = [(), ()].map(|()| PaperGateway::new(kept_in(&path)).unwrap().session);
    assert_eq!(one, two);
}

#[test]
fn a_file_that_is_not_ours_is_named_and_left_alone() {
    let room = Scratch::new();
    let path = room.path("precious");
    let sound = {
        PaperGateway::new(kept_in(&path)).unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    for content in [
        String::new(),
        "dear diary".to_owned(),
        "{}".to_owned(),
        sound.replace("gateway 1", "gateway 2"),
        sound.replace("\"next_ticket\":1", "\"next_ticket\":0"),
        sound.replace("\"replies\":[]", "\"replies\":[[\"u\",7]]"),
        sound[..sound.len() - 1].to_owned(),
    ] {
        std::fs::write(&path, &content).unwrap();
        let error = PaperGateway::new(kept_in(&path)).unwrap_err();
        assert!(matches!(
            error,
            PaperError::State(StateError::Foreign { .. })
        ));
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn an_unreadable_or_unwritable_place_is_an_error_at_the_start() {
    let room = Scratch::new();
    let folder = room.path("folder");
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(
        PaperGateway::new(kept_in(&folder)),
        Err(PaperError::State(StateError::Read { .. }))
    ));
    let gone = kept_in(&room.path("gone/state.json"));
    std::fs::remove_dir_all(room.path("gone")).unwrap();
    assert!(matches!(
        PaperGateway::new(gone),
        Err(PaperError::State(StateError::Write { .. }))
    ));
}

#[test]
fn an_order_that_cannot_be_stored_has_not_happened() {
    let room = Scratch::new();
    let folder = room.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let mut gateway = PaperGateway::new(kept_in(&folder.join("state.json"))).unwrap();
    ask(&mut gateway, &open("a", &json!({})));
    let untouched = gateway.account.clone();
    std::fs::remove_dir_all(&folder).unwrap();
    let no = ask(&mut gateway, &open("b", &json!({})));
    assert_refused(&no, "REJECTED", "SERVER_ERROR", &Value::Null);
    let no = ask(&mut gateway, &close("c", 1, &json!(1.2)));
    assert_refused(&no, "error", "SERVER_ERROR", &Value::Null);
    assert_eq!(gateway.account, untouched);
    // With its folder back the same orders are judged afresh.
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(ask(&mut gateway, &open("b", &json!({})))["ticket"], 2);
    let closed = ask(&mut gateway, &close("c", 1, &json!(1.2)));
    assert_eq!(closed["status"], "FILLED");
    let left = gateway.account.positions(&gateway.rules);
    assert_eq!((left.len(), left[0].ticket), (1, 2));
}

#[test]
fn the_latest_ten_thousand_orders_are_known_again() {
    let mut gateway = gateway();
    let failed = |number: usize| close(&number.to_string(), 99, &Value::Null);
    for number in 0..=10_000 {
        ask(&mut gateway, &failed(number));
    }
    assert!(gateway.memory.get("0").is_none());
    assert!(gateway.memory.get("1").is_some());
    assert!(gateway.memory.get("10000").is_some());
}
