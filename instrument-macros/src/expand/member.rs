//! The metrics of one attribute: its own, and those that `in_flight` and `sample` put beside it.

use proc_macro2::Span;
use syn::Error;

use super::Instrument;
use crate::args::{Kind, Target, collect};
use crate::label::Label;

/// What a metric of an attribute tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What the attribute is for.
    Main,
    /// How many calls run.
    InFlight,
    /// All calls, where the main metric has a sample.
    Calls,
}

/// One metric of an attribute.
pub(super) struct Member {
    pub(super) role: Role,
    /// Its place among the site's uses.
    pub(super) index: usize,
    /// Which number of a call is its slot, and whether it is the first to use that number.
    pub(super) slot: Option<(usize, bool)>,
    /// Which number of a call is its amount.
    pub(super) amount: Option<usize>,
}

/// The metrics of `one`; `uses` and `numbers` count on over all attributes of the function.
pub(super) fn of(one: &Instrument<'_>, uses: &mut usize, numbers: &mut usize) -> Vec<Member> {
    let next = |counter: &mut usize| {
        *counter += 1;
        *counter - 1
    };
    let has_free = one.labels.iter().any(Label::is_free);
    let (in_flight, calls) = (one.args.in_flight, one.args.sample.is_some());
    let roles = [
        (Role::Main, true),
        (Role::InFlight, in_flight),
        (Role::Calls, calls),
    ];
    let mut members: Vec<Member> = Vec::new();
    for (role, _) in roles.into_iter().filter(|(_, wanted)| *wanted) {
        let has_slot = one
            .labels_of(role)
            .any(|label| matches!(label, Label::Value { .. }));
        let shared = members
            .first()
            .and_then(|main: &Member| main.slot)
            .filter(|_| {
                !has_free
                    && (role == Role::Calls
                        || one.labels.iter().all(|label| label.part().is_none()))
            });
        let slot = match shared {
            Some((number, _)) => Some((number, false)),
            None => has_slot.then(|| (next(numbers), true)),
        };
        let amount = (role == Role::Main && one.args.by.is_some()).then(|| next(numbers));
        members.push(Member {
            role,
            index: next(uses),
            slot,
            amount,
        });
    }
    members
}

impl Instrument<'_> {
    /// The labels of that metric.
    pub(super) fn labels_of(&self, role: Role) -> impl Iterator<Item = &Label> {
        self.labels
            .iter()
            .filter(move |label| role != Role::InFlight || label.part().is_none())
    }

    /// The name without suffix that the metrics beside it are called after; none in the shared families.
    pub(super) fn base_name(&self) -> Option<String> {
        match &self.args.target {
            Target::Named(name) => Some(crate::names::base(&name.value()).to_owned()),
            _ => None,
        }
    }
}

/// Two gauges of one name on one function would count each call twice.
pub(super) fn check_names(instruments: &[Instrument<'_>], errors: &mut Option<Error>) {
    let in_flight: Vec<_> = instruments
        .iter()
        .filter(|one| one.args.in_flight)
        .collect();
    for (i, one) in in_flight.iter().enumerate() {
        if in_flight[..i]
            .iter()
            .any(|other| other.base_name() == one.base_name())
        {
            let span = one
                .args
                .span_of("in_flight")
                .unwrap_or_else(Span::call_site);
            let text = "K002: another attribute of this function has the same gauge of running calls; keep one `in_flight`";
            collect(errors, Error::new(span, text));
        }
    }
}

impl Role {
    /// The kind of the metric, as the catalogue calls it.
    pub(super) const fn kind(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Main, Kind::Timed) => "Histogram",
            (Self::InFlight, _) => "Gauge",
            _ => "Counter",
        }
    }
}
