//! The only paths that generated code may name. Not an interface: it changes without notice.

pub use core;
pub use std::string::String;

pub use instrument_macros::__merged;
pub use inventory::submit;

pub use crate::catalogue::Registration;
pub use crate::declared::{Counter, Histogram};
pub use crate::label::{
    Domain, Label, LabelExpr, LabelValue, fold_none, function, unfold_none, values_of_expression,
};
pub use crate::metric::{Desc, Help, Kind, Metric, Place};
pub use crate::outcome::{NotResult, Outcome, Outcomes, Probe, ResultParts, run};
pub use crate::site::{Site, Use, When};
