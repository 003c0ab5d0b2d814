//! Names that an expansion might want for itself, taken by the user.

use crate::page::{calls, exporter};

#[no_implicit_prelude]
#[allow(non_camel_case_types, reason = "names of the expansion, taken")]
mod taken {
    use ::instrument_core::{LabelValue, counted, timed};

    pub(super) struct Site;
    pub(super) struct Outcome;
    pub(super) struct Probe;
    pub(super) struct Guard;
    pub(super) struct Use;
    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct Box;
    pub(super) struct Pin;
    pub(super) struct FnOnce;
    pub(super) struct Send;
    #[derive(Clone, Copy, LabelValue)]
    pub(super) enum Label {
        Ok,
        Err,
        Some,
        None,
        Self_,
    }
    pub(super) use Label::{Err, None, Ok, Self_, Some};
    pub(super) mod std {}
    pub(super) mod core {}
    pub(super) mod alloc {}
    pub(super) mod metrics {}
    pub(super) mod __private {}
    pub(super) mod instrument_core {}

    macro_rules! taken {
        (@ $d:tt $($name:ident)*) => { $(
            #[allow(unused_macros, reason = "names of the expansion, taken")]
            macro_rules! $name { ($d($any:tt)*) => { compile_error!("the user's own macro") }; }
        )* };
    }
    taken! { @ $ matches panic assert debug_assert format vec concat module_path file line submit __merged stringify }

    #[timed("shape_taken", labels(label), in_flight)]
    #[counted("shape_taken_errors", on = error, labels(err: Label = *err))]
    pub(super) fn everything(
        label: Label,
        call: u32,
        guard: u32,
        numbers: u32,
    ) -> ::core::result::Result<u32, Label> {
        let (site, ret, start, end, slot) = (call, guard, numbers, 0, 1);
        match label {
            Err => ::core::result::Result::Err(label),
            Ok | Some | None | Self_ => ::core::result::Result::Ok(site + ret + start + end + slot),
        }
    }

    #[timed]
    pub(super) fn units() -> (Site, Outcome, Probe, Guard, Use) {
        (Site, Outcome, Probe, Guard, Use)
    }

    #[timed]
    pub(super) fn not_a_result() -> Result {
        Result
    }

    #[timed]
    pub(super) fn not_an_option() -> [Option; 1] {
        [Option]
    }

    #[timed]
    pub(super) async fn not_a_future(_: FnOnce, _: Send, pin: Pin) -> Pin {
        ::core::future::ready(()).await;
        pin
    }

    #[timed]
    pub(super) fn not_a_box() -> Box {
        Box
    }
}

/// A static of the site's own name, and functions with names of the runtime.
mod own_names {
    use instrument_core::timed;

    #[timed]
    pub(super) fn enter(__instrument: u32) -> u32 {
        __instrument + 3
    }

    #[timed]
    pub(super) fn call(call: u32) -> Result<u32, ()> {
        let call = call + 1;
        let ret = call + 1;
        Ok(ret)
    }

    #[timed]
    pub(super) fn timed(timed: u32) -> u32 {
        timed
    }

    pub(super) fn outside(n: u32) -> u32 {
        const __INSTRUMENT: u32 = 4;
        #[timed]
        fn inside(n: u32) -> Result<u32, ()> {
            Ok(n)
        }
        inside(n).unwrap_or(__INSTRUMENT)
    }
}

mod orders {
    pub(super) mod one {
        #[instrument_core::timed]
        pub(in super::super) fn submit() -> Result<(), ()> {
            Ok(())
        }
    }

    pub(super) mod two {
        #[::instrument_core::timed]
        pub(in super::super) fn submit() -> Result<(), ()> {
            Err(())
        }
    }
}

mod renamed {
    use instrument_core as kit;
    use kit::timed as stopwatch;

    #[stopwatch(crate = kit)]
    pub(super) fn by_use() -> Result<(), ()> {
        Err(())
    }

    #[kit::timed(crate = super::renamed::kit)]
    pub(super) async fn by_path() -> u32 {
        1
    }
}

#[test]
fn names() {
    use taken::Label;

    exporter();
    for label in [
        Label::Ok,
        Label::Err,
        Label::Some,
        Label::None,
        Label::Self_,
    ] {
        let _ = taken::everything(label, 1, 2, 3);
    }
    let _ = (
        taken::units(),
        taken::not_a_result(),
        taken::not_an_option(),
        taken::not_a_box(),
    );
    let future = taken::not_a_future(taken::FnOnce, taken::Send, taken::Pin);
    assert!(crate::page::poll_once(future).is_some());
    assert_eq!((own_names::enter(1), own_names::call(1)), (4, Ok(3)));
    assert_eq!((own_names::timed(1), own_names::outside(1)), (1, 1));
    assert_eq!(
        (orders::one::submit(), orders::two::submit()),
        (Ok(()), Err(()))
    );
    assert_eq!(renamed::by_use(), Err(()));
    assert_eq!(crate::page::poll_once(renamed::by_path()), Some(1));
    let errors = crate::page::sample("shape_taken_errors_total", &[("err", "err")]);
    assert_eq!(errors, Some(1.0));
    let of = |path: &str| {
        let (module, function) = path.rsplit_once('/').expect("it has one");
        calls(&format!("{}::{module}", module_path!()), function)
    };
    assert_eq!(of("taken/units"), "1 - 0 -");
    assert_eq!(of("taken/not_a_result"), "1 - 0 -");
    assert_eq!(of("taken/not_a_future"), "1 - 0 0");
    assert_eq!(of("own_names/enter"), "1 - 0 -");
    assert_eq!(of("own_names/call"), "1 0 0 -");
    assert_eq!(of("own_names/outside::inside"), "1 0 0 -");
    assert_eq!(
        (of("orders::one/submit"), of("orders::two/submit")),
        ("1 0 0 -".into(), "0 1 0 -".into())
    );
    assert_eq!(
        (of("renamed/by_use"), of("renamed/by_path")),
        ("0 1 0 -".into(), "1 - 0 0".into())
    );
}
