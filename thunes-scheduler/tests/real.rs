//! Real MCP servers from npm and `PyPI`, of both eras, over both transports. `install-mcp-servers.sh` installs them.

mod fixture;

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fixture::{Workspace, is_alive, wait_until};
use serde_json::json;
use thunes_scheduler::lab::{Level, Reason, Report, State};

/// Names, commands below the folder of installed servers, arguments, and the era each speaks.
const UP: [(&str, &str, &[&str], &str); 8] = [
    (
        "filesystem",
        "node_modules/.bin/mcp-server-filesystem",
        &["."],
        "2025-11-25",
    ),
    (
        "everything",
        "node_modules/.bin/mcp-server-everything",
        &[],
        "2025-11-25",
    ),
    (
        "memory",
        "node_modules/.bin/mcp-server-memory",
        &[],
        "2025-11-25",
    ),
    (
        "sequential",
        "node_modules/.bin/mcp-server-sequential-thinking",
        &[],
        "2025-11-25",
    ),
    (
        "context7",
        "node_modules/.bin/context7-mcp",
        &[],
        "2026-07-28",
    ),
    ("fetch", "python/bin/mcp-server-fetch", &[], "2026-07-28"),
    ("git", "python/bin/mcp-server-git", &[], "2026-07-28"),
    ("time", "python/bin/mcp-server-time", &[], "2026-07-28"),
];

fn installed() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tools/mcp");
    assert!(
        folder.join("installed").exists(),
        "run thunes-scheduler/tests/install-mcp-servers.sh"
    );
    folder.canonicalize().unwrap()
}

/// The HTTP server; it is killed when dropped.
struct Http(Child, u16);

impl Http {
    fn start(lab: &Workspace) -> Self {
        // Free now, and taken at once.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(installed().join("node_modules/.bin/mcp-server-everything"))
            .arg("streamableHttp")
            .env("PORT", port.to_string())
            .current_dir(lab.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap(), port)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn define(lab: &Workspace, port: u16) {
    let folder = installed();
    let mut servers = serde_json::Map::new();
    for (name, command, args, _) in UP {
        let memory = lab.path("memory.json");
        let server = json!({"command": folder.join(command), "args": args, "env": {"MEMORY_FILE_PATH": memory}});
        servers.insert(name.to_owned(), server);
    }
    let sqlite = json!({"command": folder.join("python/bin/mcp-server-sqlite"), "args": ["--db-path", lab.path("x.db")]});
    servers.insert("sqlite".to_owned(), sqlite);
    let perplexity = json!({"command": folder.join("node_modules/.bin/perplexity-mcp"), "env": {"PERPLEXITY_API_KEY": ""}});
    servers.insert("perplexity".to_owned(), perplexity);
    servers.insert(
        "http".to_owned(),
        json!({"type": "http", "url": format!("http://127.0.0.1:{port}/mcp")}),
    );
    lab.file(
        ".mcp.json",
        &json!({ "mcpServers": servers }).to_string(),
        false,
    );
}

fn assert_up(lab: &Workspace, report: &Report, name: &str, protocol: &str) {
    let server = lab.server(report, name);
    assert_eq!(
        (server.state, server.level),
        (State::Up, Level::Tools),
        "{name}: {}",
        server.detail
    );
    assert_eq!(server.protocol.as_deref(), Some(protocol), "{name}");
}

#[tokio::test]
#[ignore = "needs MCP servers"]
async fn real_servers_of_both_eras_are_up_and_real_failures_are_told_apart() {
    let lab = Workspace::new("real");
    let mut http = Http::start(&lab);
    define(&lab, http.1);
    let address = ("127.0.0.1", http.1);
    wait_until("the HTTP server", || TcpStream::connect(address).is_ok()).await;
    let mut open = lab.open("mcp_files = [\".mcp.json\"]\nbound = \"60s\"\nstart_timeout = \"60s\"\nping_timeout = \"20s\"");
    let mut guards = 0;
    for sweep in 0..3 {
        let report = open.sweep().await;
        for (name, _, _, protocol) in UP {
            assert_up(&lab, &report, name, protocol);
        }
        assert_up(&lab, &report, "http", "2025-11-25");
        let perplexity = lab.server(&report, "perplexity");
        assert_eq!(
            perplexity.state,
            State::NotConfigured,
            "{}",
            perplexity.detail
        );
        assert!(perplexity.detail.contains("PERPLEXITY_API_KEY"));
        // It crashes with the SDK that is installed beside it.
        let sqlite = lab.server(&report, "sqlite");
        assert_eq!(
            (sqlite.state, sqlite.reason),
            (State::Down, Some(Reason::Exit)),
            "{}",
            sqlite.detail
        );
        if sweep > 0 {
            assert_eq!(fixture::guards(), guards, "no server was started again");
        }
        guards = fixture::guards();
    }
    assert_eq!(guards, UP.len());
    let _ = (http.0.kill(), http.0.wait());
    let report = open.sweep().await;
    assert_eq!(lab.server(&report, "http").reason, Some(Reason::Connect));
    open.close().await;
    assert_eq!(fixture::guards(), 0, "nothing is left of them");
    assert!(!is_alive(i32::try_from(http.0.id()).unwrap()));
}
