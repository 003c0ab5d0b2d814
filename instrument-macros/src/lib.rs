//! The attribute macros of instrument-core. Use them from there; the documentation with examples stands there too.
//!
//! Each attribute is parsed (`args`, `function`), turned into what it records (`site`), and expanded (`expand`).
//! On any error the function is emitted unchanged beside the error, so that one mistake is one error.

use proc_macro::TokenStream;

mod args;
mod declare;
mod expand;
mod function;
mod label_value;
mod merged;
mod names;
mod site;

use args::Kind;

/// Times each call of a function into a histogram of seconds.
///
/// Without arguments the call goes into `function_duration_seconds{module, function, outcome}`. Arguments:
///
/// | argument | meaning |
/// | --- | --- |
/// | `"name"` | the family's name; `_duration_seconds` is added unless it ends in `_seconds` |
/// | `path::TO_STATIC` | a histogram declared by `metrics!` |
/// | `labels(k, k = expr, k: Type = expr)` | labels, evaluated before the body; one that names `ok`, `err` or `ret` after it |
/// | `buckets = [..]` | upper bounds in seconds |
/// | `help = ".."` | HELP, instead of the doc comment's first sentence |
/// | `on = enter\|exit\|ok\|error\|panic\|cancelled` | which calls are recorded; all by default |
/// | `outcome = false\|result` | no label `outcome`; or: it is a `Result`, although its name does not say so |
/// | `crate = path` | where instrument-core is, if it is renamed |
#[proc_macro_attribute]
pub fn timed(args: TokenStream, item: TokenStream) -> TokenStream {
    merged::attribute(Kind::Timed, args.into(), &item.into()).into()
}

/// Counts the calls of a function.
///
/// Without arguments the call goes into `function_calls_total{module, function, outcome}`. The arguments are those of
/// `timed` without `buckets`; a name gets the suffix `_total`. It may stand several times on one function, and
/// together with `timed`: all of them share one guard.
#[proc_macro_attribute]
pub fn counted(args: TokenStream, item: TokenStream) -> TokenStream {
    merged::attribute(Kind::Counted, args.into(), &item.into()).into()
}

/// Declares metrics that are not calls, as statics.
///
/// ```text
/// instrument_core::metrics! {
///     /// The doc comment's first sentence becomes HELP.
///     pub static SIGNALS: Counter<(action: Action)> = "sentinel_trading_signals_total";
///     /// Seconds of a fetch.
///     pub static FETCH: Histogram = "sentinel_data_fetch_duration_seconds", buckets = [0.5, 1.0, 5.0];
///     /// Seconds since the start.
///     pub static UPTIME: Gauge = "sentinel_daemon_uptime_seconds", compute = instrument_core::uptime_seconds;
/// }
/// ```
#[proc_macro]
pub fn metrics(input: TokenStream) -> TokenStream {
    declare::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `LabelValue` for an enum without fields; variants are written in `snake_case`, unless
/// `#[label(rename_all = "UPPERCASE")]` on the enum or `#[label("text")]` on a variant says otherwise.
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn derive_label_value(input: TokenStream) -> TokenStream {
    label_value::derive(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// The merged attributes of one function, expanded last. Written by the attributes only.
#[doc(hidden)]
#[proc_macro]
pub fn __merged(input: TokenStream) -> TokenStream {
    merged::expand_last(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
