//! Servers as the configuration files of MCP clients define them: `.mcp.json`, Claude Desktop's, and VS Code's.
//!
//! All have a table of servers by name, under `mcpServers` or `servers`; every syntax of variables is accepted in
//! every file. A variable without a value makes its server not configured, and never the file invalid.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::expansion::{Scope, Unset};
use super::jsonc;

/// Why a file of servers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum McpFileError {
    /// It cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It is not JSON.
    #[error("{}:{}: it is not JSON", .0.display(), .1.line())]
    Json(PathBuf, #[source] serde_json::Error),
    /// It has no table of servers.
    #[error("{} has no object \"mcpServers\" or \"servers\"", .0.display())]
    NoServers(PathBuf),
}

/// How a server is reached, with all variables expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// A process, spoken to over its standard streams.
    Stdio {
        command: String,
        args: Vec<String>,
        env: Vec<(String, String)>,
        folder: PathBuf,
    },
    /// Streamable HTTP.
    Http {
        url: String,
        headers: Vec<(String, String)>,
    },
}

/// A server, or why it is not configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) reach: Result<Reach, String>,
    /// What variables were expanded to; never to be shown.
    pub(super) secrets: Vec<String>,
}

/// Reads the servers of a file.
///
/// # Errors
/// [`McpFileError`]; a single server that cannot be used is no error of the file.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Definition>, McpFileError> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| McpFileError::Read(path.to_owned(), error))?;
    let json: Value = serde_json::from_str(&jsonc::plain(&text))
        .map_err(|error| McpFileError::Json(path.to_owned(), error))?;
    let servers = json.get("mcpServers").or_else(|| json.get("servers"));
    let servers = servers.and_then(Value::as_object);
    let servers = servers.ok_or_else(|| McpFileError::NoServers(path.to_owned()))?;
    let folder = workspace_of(path);
    let defined = servers
        .iter()
        .map(|(name, server)| (name.clone(), define(server, &folder)));
    Ok(defined.collect())
}

/// The folder a file speaks for: its own, or the one above for a file in `.vscode`.
fn workspace_of(path: &Path) -> PathBuf {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let above = folder.parent().filter(|_| folder.ends_with(".vscode"));
    above.unwrap_or(folder).to_owned()
}

fn define(server: &Value, folder: &Path) -> Definition {
    let mut scope = Scope::new(folder.to_string_lossy().into_owned());
    let reach = match server.as_object() {
        Some(server) if server.get("disabled") == Some(&Value::Bool(true)) => {
            Err("disabled in its file".to_owned())
        }
        Some(server) => reach(server, &mut scope, folder),
        None => Err("its definition is not an object".to_owned()),
    };
    let secrets = scope.expanded();
    Definition { reach, secrets }
}

fn reach(server: &Map<String, Value>, scope: &mut Scope, folder: &Path) -> Result<Reach, String> {
    let kind = server.get("type").and_then(Value::as_str);
    match kind {
        Some("http" | "streamable-http" | "streamableHttp") => http(server, scope),
        None if server.contains_key("url") => http(server, scope),
        None | Some("stdio") => stdio(server, scope, folder),
        Some(kind) => Err(format!(
            "type {kind:?} is not known; accepted are stdio and http"
        )),
    }
}

fn http(server: &Map<String, Value>, scope: &mut Scope) -> Result<Reach, String> {
    let url = text(server, "url", scope)?.ok_or("it has no \"url\"")?;
    let headers = pairs(server, "headers", scope)?;
    Ok(Reach::Http { url, headers })
}

fn stdio(server: &Map<String, Value>, scope: &mut Scope, folder: &Path) -> Result<Reach, String> {
    if let Some(file) = text(server, "envFile", scope)? {
        scope.read_env_file(&folder.join(file))?;
    }
    let command =
        text(server, "command", scope)?.ok_or("it has neither \"command\" nor \"url\"")?;
    let args = server.get("args").filter(|args| !args.is_null());
    let args = match args {
        Some(Value::Array(args)) => args.as_slice(),
        Some(_) => return Err("\"args\" is not a list".to_owned()),
        None => &[],
    };
    let args = args.iter().map(|arg| expand(arg, "args", scope));
    let args = args.collect::<Result<_, _>>()?;
    let mut env = scope.file_variables();
    env.extend(pairs(server, "env", scope)?);
    let cwd = text(server, "cwd", scope)?;
    let folder = cwd.map_or_else(|| folder.to_owned(), |cwd| folder.join(cwd));
    Ok(Reach::Stdio {
        command,
        args,
        env,
        folder,
    })
}

fn text(
    server: &Map<String, Value>,
    key: &str,
    scope: &mut Scope,
) -> Result<Option<String>, String> {
    let value = server.get(key).filter(|value| !value.is_null());
    value.map(|value| expand(value, key, scope)).transpose()
}

fn pairs(
    server: &Map<String, Value>,
    key: &str,
    scope: &mut Scope,
) -> Result<Vec<(String, String)>, String> {
    let table = match server.get(key) {
        Some(Value::Object(table)) => Some(table),
        None | Some(Value::Null) => None,
        Some(_) => return Err(format!("\"{key}\" is not an object")),
    };
    table
        .into_iter()
        .flatten()
        .map(|(name, value)| Ok((name.clone(), expand(value, key, scope)?)))
        .collect()
}

fn expand(value: &Value, key: &str, scope: &mut Scope) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return Err(format!("\"{key}\" holds something that is not text")),
    };
    scope.expand(&text).map_err(|unset| match unset {
        Unset::Variable(name) => format!("variable {name} is not set"),
        Unset::Input(id) => format!("it asks for ${{input:{id}}}, which only a person can give"),
        Unset::Unknown(name) => format!("${{{name}}} is not known"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(json: &str) -> BTreeMap<String, Definition> {
        let path = std::env::temp_dir().join(format!(
            "thunes-{}-{:x}.json",
            std::process::id(),
            json.len()
        ));
        fs::write(&path, json).unwrap();
        let read = read(&path);
        fs::remove_file(&path).unwrap();
        read.unwrap()
    }

    #[test]
    fn both_keys_and_both_kinds_are_read() {
        let servers = defined(
            r#"{"servers": {
                "git": {"command": "uvx", "args": ["mcp-server-git", "${THUNES_NOT_SET:-x}"], "env": {"A": "b"}},
                "docs": {"type": "http", "url": "https://docs.example/mcp", "headers": {"X": "y"}}}}"#,
        );
        assert!(
            matches!(&servers["git"].reach, Ok(Reach::Stdio { command, args, env, .. })
            if command == "uvx" && args == &["mcp-server-git", "x"] && env == &[("A".to_owned(), "b".to_owned())])
        );
        assert!(
            matches!(&servers["docs"].reach, Ok(Reach::Http { url, .. }) if url == "https://docs.example/mcp")
        );
    }

    #[test]
    fn what_is_not_configured_says_what_is_missing() {
        let servers = defined(
            r#"{"mcpServers": {
                "a": {"command": "x", "env": {"KEY": "${THUNES_NO_SUCH_KEY}"}},
                "b": {"command": "x", "args": ["${input:token}"]},
                "c": {"args": []},
                "d": {"type": "carrier-pigeon"},
                "f": {"command": "x", "args": "y"},
                "g": {"command": "x", "env": ["A=b"]},
                "h": {"url": "http://x", "headers": "A: b"}, // as VS Code writes it
                "e": {"command": "x", "args": ["${env:THUNES_NO_SUCH_KEY}"]}}}"#,
        );
        let why = |name: &str| servers[name].reach.clone().unwrap_err();
        assert_eq!(why("a"), "variable THUNES_NO_SUCH_KEY is not set");
        assert!(why("b").contains("${input:token}"));
        assert!(why("c").contains("command"));
        assert!(why("d").contains("carrier-pigeon"));
        assert_eq!(why("f"), "\"args\" is not a list");
        assert_eq!(why("g"), "\"env\" is not an object");
        assert_eq!(why("h"), "\"headers\" is not an object");
        assert_eq!(why("e"), "variable THUNES_NO_SUCH_KEY is not set");
    }

    #[test]
    fn what_a_variable_was_expanded_to_is_known_as_a_secret() {
        let servers = defined(r#"{"mcpServers": {"a": {"command": "x", "args": ["${PATH}"]}}}"#);
        assert_eq!(servers["a"].secrets, [std::env::var("PATH").unwrap()]);
    }
}
