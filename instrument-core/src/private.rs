//! The only paths that generated code may name. Not an interface: it changes without notice.

pub use core;
pub use std::boxed::Box;
pub use std::string::String;

pub use crate::__instrument_submit as submit;
pub use crate::link::Entry;
pub use instrument_macros::{__merged, metrics as __metrics};

pub use crate::buckets::rising;
pub use crate::call::{call, enter};
pub use crate::catalogue::Registration;
pub use crate::declared::{Counter, Histogram};
pub use crate::future::{Returned, Settle, Timed, resolving};
pub use crate::label::{
    Domain, Label, LabelValue, fold, fold_none, fold_or_none, function_labels, marker, unfold_none,
    values_of_expression,
};
pub use crate::metric::{Desc, Help, Kind, Metric, Place};
pub use crate::outcome::{
    NotResult, Outcome, Outcomes, Probe, ResultParts, classify, named_result, not_boxed,
    not_named_result, run,
};
pub use crate::rows::{NO_TEXT, rows, set_row};
pub use crate::site::{Site, Use, When, amount, here};

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos"
)))]
pub use crate::link::Item;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos"
)))]
pub use inventory;
