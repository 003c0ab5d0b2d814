//! MCP servers over HTTP that are hard to be fair to: of either era or none, forgetful, wordy, closed.

mod fixture;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fixture::Workspace;
use fixture::http::{Ask, legacy, message, response, serve};
use serde_json::{Value, json};
use thunes_scheduler::lab::{Level, Reason, ServerReport, State};

type Answers = Box<dyn Fn(&Ask) -> String + Send + Sync>;

/// What two sweeps in a row find of the server at `url`.
async fn twice(name: &str, url: &str) -> [ServerReport; 2] {
    let lab = Workspace::new(name);
    let server = json!({"type": "http", "url": url, "headers": {"Authorization": "Bearer x"}});
    lab.file(
        ".mcp.json",
        &json!({"mcpServers": {"s": server}}).to_string(),
        false,
    );
    let settings = "mcp_files = [\".mcp.json\"]\nstart_timeout = \"3s\"\nping_timeout = \"1s\"";
    let mut open = lab.open(settings);
    let first = open.sweep().await;
    let second = open.sweep().await;
    open.close().await;
    [first, second].map(|report| lab.server(&report, "s").clone())
}

fn assert_up(reports: &[ServerReport], protocol: &str) {
    for server in reports {
        let seen = (server.state, server.level, server.protocol.as_deref());
        assert_eq!(
            seen,
            (State::Up, Level::Tools, Some(protocol)),
            "{}",
            server.detail
        );
    }
}

fn answer(ask: &Ask, headers: &str) -> String {
    message(headers, &legacy(ask).unwrap_or_else(|| ask.unknown()))
}

#[tokio::test]
async fn the_era_is_found_out_whatever_the_other_one_is_answered_with() {
    let refusals = ["200 OK", "400 Bad Request", "404 Not Found", "500 Oops"];
    for (number, status) in refusals.into_iter().enumerate() {
        let url = serve(move |ask| match legacy(ask) {
            Some(answer) => message("", &answer),
            None if ask.message["id"].is_null() => response("202 Accepted", "", ""),
            None => response(
                status,
                "Content-Type: application/json\r\n",
                &ask.unknown().to_string(),
            ),
        });
        assert_up(
            &twice(&format!("http-legacy-{number}"), &url).await,
            "2025-06-18",
        );
    }
    // The newer era knows no `initialize`, and wants its headers.
    let url = serve(|ask| {
        let named = ask.head.contains("mcp-protocol-version: 2026-07-28")
            && ask.head.contains(&format!("mcp-method: {}", ask.method()));
        let result = match ask.method() {
            _ if !named => return response("400 Bad Request", "", ""),
            "server/discover" => {
                json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
            }
            "tools/list" => json!({"tools": [{"name": "t", "inputSchema": {}}]}),
            _ => return message("", &ask.unknown()),
        };
        message("", &ask.result(&result))
    });
    assert_up(&twice("http-modern", &url).await, "2026-07-28");
}

#[tokio::test]
async fn what_answers_neither_or_refuses_is_down_for_its_reason() {
    let unsupported = |ask: &Ask| {
        let error = json!({"code": -32022, "message": "no", "data": {"supported": ["2027-01-01"]}});
        message(
            "",
            &json!({"jsonrpc": "2.0", "id": ask.message["id"], "error": error}),
        )
    };
    let wrong_id = |ask: &Ask| {
        message(
            "",
            &json!({"jsonrpc": "2.0", "id": 999, "result": legacy(ask)}),
        )
    };
    let cases: [(&str, Answers, Reason, &str); 6] = [
        (
            "neither",
            Box::new(|ask| message("", &ask.unknown())),
            Reason::RpcError,
            "-32601",
        ),
        (
            "closed",
            Box::new(|_| response("401 Unauthorized", "", "")),
            Reason::HttpStatus,
            "status 401",
        ),
        (
            "page",
            Box::new(|_| response("200 OK", "Content-Type: text/html\r\n", "<h1>hi</h1>")),
            Reason::BadJson,
            "initialize",
        ),
        (
            "newer",
            Box::new(unsupported),
            Reason::Version,
            "2027-01-01",
        ),
        ("wrong-id", Box::new(wrong_id), Reason::BadJson, "no answer"),
        (
            "silent",
            Box::new(|_| {
                std::thread::sleep(Duration::from_mins(1));
                String::new()
            }),
            Reason::StartTimeout,
            "not up within 3s",
        ),
    ];
    for (name, answer, reason, says) in cases {
        for server in twice(&format!("http-{name}"), &serve(answer)).await {
            assert_eq!(
                (server.state, server.reason),
                (State::Down, Some(reason)),
                "{name}: {}",
                server.detail
            );
            assert!(server.detail.contains(says), "{name}: {}", server.detail);
            assert!(
                !server.detail.contains("127.0.0.1"),
                "a URL may hold a token: {}",
                server.detail
            );
        }
    }
}

#[tokio::test]
async fn a_session_that_was_forgotten_is_made_anew_in_the_same_sweep() {
    static SESSIONS: AtomicU32 = AtomicU32::new(0);
    // It forgets each session once its tools were listed, so that every later ping is 404.
    static FORGOTTEN: AtomicU32 = AtomicU32::new(0);
    let url = serve(|ask| {
        let known = SESSIONS.load(Ordering::SeqCst);
        let named = |number| ask.head.contains(&format!("mcp-session-id: s{number}"));
        match ask.method() {
            "initialize" => {
                let number = SESSIONS.fetch_add(1, Ordering::SeqCst) + 1;
                return answer(ask, &format!("Mcp-Session-Id: s{number}\r\n"));
            }
            "server/discover" => return response("400 Bad Request", "", ""),
            _ if FORGOTTEN.load(Ordering::SeqCst) >= known || !named(known) => {
                return response("404 Not Found", "", "");
            }
            "tools/list" => FORGOTTEN.store(known, Ordering::SeqCst),
            _ => {}
        }
        answer(ask, "")
    });
    assert_up(&twice("http-forgets", &url).await, "2025-06-18");
    assert_eq!(SESSIONS.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn answers_in_events_and_batches_are_found_among_the_rest() {
    let events = serve(|ask| {
        let Some(answer) = legacy(ask) else {
            return message("", &ask.unknown());
        };
        let noise = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}});
        let other = json!({"jsonrpc": "2.0", "id": 999, "result": {}});
        let body = format!(
            "id: 1\ndata: \n\n: a comment\n\ndata: {noise}\n\ndata: {other}\r\n\r\nevent: message\ndata: {answer}\n\n"
        );
        // No length: the stream stays open until the server closes it.
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n{body}"
        )
    });
    assert_up(&twice("http-events", &events).await, "2025-06-18");
    let batches = serve(|ask| {
        let noise = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}});
        message(
            "",
            &Value::Array(vec![noise, legacy(ask).unwrap_or_else(|| ask.unknown())]),
        )
    });
    assert_up(&twice("http-batches", &batches).await, "2025-06-18");
}

#[tokio::test]
async fn a_server_that_comes_back_is_up_in_the_next_sweep() {
    static AWAY: AtomicU32 = AtomicU32::new(1);
    let url = serve(|ask| {
        if AWAY.load(Ordering::SeqCst) == 1 && ask.method() == "initialize" {
            AWAY.store(0, Ordering::SeqCst);
            return response("503 Service Unavailable", "", "");
        }
        answer(ask, "")
    });
    let [first, second] = twice("http-back", &url).await;
    assert_eq!(
        (first.state, first.reason),
        (State::Down, Some(Reason::HttpStatus))
    );
    assert_up(&[second], "2025-06-18");
}
