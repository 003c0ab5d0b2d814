//! Functions of every shape that a user might annotate, each called, and each found on the page.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    unused,
    rust_2018_idioms,
    let_underscore_drop,
    single_use_lifetimes,
    unused_lifetimes,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#![allow(
    clippy::future_not_send,
    clippy::let_and_return,
    clippy::many_single_char_names,
    clippy::multiple_bound_locations,
    clippy::needless_arbitrary_self_type,
    clippy::redundant_pub_crate,
    clippy::too_many_arguments,
    clippy::too_many_lines,
    clippy::trivially_copy_pass_by_ref,
    clippy::type_complexity,
    clippy::type_repetition_in_bounds,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    clippy::unused_unit,
    reason = "they find fault with the shapes themselves, annotated or not"
)]

/// Calls and expected counts of one module's functions: `ok error panic cancelled`, `-` where it cannot end so.
macro_rules! counts {
    ($($function:literal: $counts:literal),* $(,)?) => {
        let samples = crate::page::exporter().samples();
        $(
            let counts = crate::page::calls_in(&samples, module_path!(), $function);
            assert_eq!(counts, $counts, "{}", $function);
        )*
    };
}

#[path = "../../../../../instrument-core/tests/page/mod.rs"]
mod page;

mod attributes;
mod ends;
mod flow;
mod futures;
mod generics;
mod labels;
mod macros;
mod names;
mod receivers;
mod returns;
mod traits;
