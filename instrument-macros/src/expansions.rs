//! What attributes become, against the files in `expansions/`: they are read by people, and a change shows there.
//! `EXPANSIONS=overwrite` writes them anew.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proc_macro2::TokenStream;

use crate::args::Kind;
use crate::merged;

/// The default form fits on a screen.
const MOST_LINES: usize = 25;

struct Case {
    name: &'static str,
    kind: Kind,
    args: &'static str,
    item: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        name: "default",
        kind: Kind::Timed,
        args: "",
        item: "fn decode(frame: &[u8]) -> usize { frame.len() }",
    },
    Case {
        name: "result",
        kind: Kind::Timed,
        args: "",
        item: "fn check(frame: &[u8]) -> Result<u8, Empty> { frame.first().copied().ok_or(Empty) }",
    },
    Case {
        name: "labels",
        kind: Kind::Timed,
        args: r#""order_submit", labels(venue, side = order.side), in_flight"#,
        item: "/// Submits an order.
            fn submit(venue: Venue, order: &Order) -> Result<OrderId, Refusal> { venue.send(order.check()?) }",
    },
    Case {
        name: "async",
        kind: Kind::Timed,
        args: "",
        item: "async fn fetch(&self, symbol: &str) -> Result<Bars, FetchError> { self.get(symbol).await?.bars() }",
    },
    Case {
        name: "errors",
        kind: Kind::Counted,
        args: r#""order_errors", on = error, labels(code = err.code())"#,
        item: "fn submit(order: &Order) -> Result<OrderId, Refusal> { order.send() }",
    },
];

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("these are tokens")
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("expansions");
    folder.join(format!("{name}.rs"))
}

fn expanded(case: &Case) -> String {
    rustfmt(&merged::attribute(case.kind, tokens(case.args), &tokens(case.item)).to_string())
}

fn rustfmt(code: &str) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=120"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the toolchain file asks for rustfmt");
    let mut stdin = rustfmt.stdin.take().expect("it is piped");
    stdin.write_all(code.as_bytes()).expect("rustfmt reads");
    drop(stdin);
    let output = rustfmt.wait_with_output().expect("rustfmt ends");
    assert!(output.status.success(), "not Rust: {code}");
    String::from_utf8(output.stdout).expect("Rust is UTF-8")
}

#[test]
fn expansions_are_as_documented() {
    for case in &CASES {
        let (expanded, file) = (expanded(case), file(case.name));
        if std::env::var_os("EXPANSIONS").is_some() {
            std::fs::write(&file, &expanded).expect("the file can be written");
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(golden, expanded, "{}", file.display());
    }
}

#[test]
fn the_default_form_is_short() {
    let lines = expanded(&CASES[0]).lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines");
}

#[test]
fn a_half_written_body_still_expands() {
    for body in ["let x = ;", "order.", "match side", "if", "a b c"] {
        let item = tokens(&format!(
            "fn submit(order: &Order) -> Result<u32, ()> {{ {body} }}"
        ));
        let expanded = merged::attribute(Kind::Timed, TokenStream::new(), &item).to_string();
        assert!(
            expanded.starts_with("fn submit") && expanded.contains("settle"),
            "{expanded}"
        );
    }
}

#[test]
fn a_mistake_leaves_the_function_as_it_is() {
    let item = tokens("fn submit(side: bool) -> bool { side }");
    let expanded = merged::attribute(Kind::Timed, tokens("lables(side)"), &item).to_string();
    assert!(
        expanded.contains("compile_error") && expanded.ends_with(&item.to_string()),
        "{expanded}"
    );
}
