//! The list of all registrations, put together by the linker. The one room with `unsafe`.
//!
//! On ELF the registrations stand in a section of their own, whose ends the linker knows. Elsewhere `inventory` runs a
//! constructor for each before `main`; that costs the compiler a function for each site, two thirds of what annotating a
//! function costs (`benches`, `compile_time`), which is what pays for the `unsafe` here.

use crate::catalogue::Registration;

/// What stands in the section: words, so that neither size nor alignment leaves gaps. Core's own entry is empty.
pub type Entry = Option<Registration>;

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos"
))]
mod list {
    #![expect(
        unsafe_code,
        reason = "a section made by the linker can be read in no other way"
    )]

    use super::Entry;

    /// Puts a registration into the section.
    #[doc(hidden)]
    #[macro_export]
    macro_rules! __instrument_submit {
        // One in each function, without a block around it: a block would cost the compiler as much as the entry.
        (site $site:ident) => {
            #[used]
            #[unsafe(link_section = "instrument_sites")]
            static __INSTRUMENT_ENTRY: $crate::__private::Entry =
                $crate::__private::core::option::Option::Some(
                    $crate::__private::Registration::Site(&$site),
                );
        };
        ($registration:expr) => {
            const _: () = {
                #[used]
                #[unsafe(link_section = "instrument_sites")]
                static ENTRY: $crate::__private::Entry =
                    $crate::__private::core::option::Option::Some($registration);
            };
        };
    }

    /// Makes sure that there is a section, also in a program that annotates nothing.
    #[used]
    #[unsafe(link_section = "instrument_sites")]
    static ANCHOR: Entry = None;

    // Words, as those of entries are.
    unsafe extern "C" {
        #[link_name = "__start_instrument_sites"]
        static START: usize;
        #[link_name = "__stop_instrument_sites"]
        static STOP: usize;
    }

    pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
        let (start, stop) = (&raw const START, &raw const STOP);
        let bytes = stop.addr() - start.addr();
        // SAFETY: the linker sets both symbols to the ends of the section `instrument_sites`. Only statics of the type
        // `Entry` are put into it, here and by the macro above; all have one size, which is a multiple of their
        // alignment, so they stand side by side. They are never written to and live as long as the program.
        unsafe { std::slice::from_raw_parts(start.cast::<Entry>(), bytes / size_of::<Entry>()) }
            .iter()
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos"
)))]
mod list {
    use super::Entry;

    pub struct Item(pub Entry);

    inventory::collect!(Item);

    /// Hands a registration to `inventory`.
    #[doc(hidden)]
    #[macro_export]
    macro_rules! __instrument_submit {
        (site $site:ident) => {
            $crate::__instrument_submit! { $crate::__private::Registration::Site(&$site) }
        };
        ($registration:expr) => {
            $crate::__private::inventory::submit! {
                $crate::__private::Item($crate::__private::core::option::Option::Some($registration))
            }
        };
    }

    pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
        inventory::iter::<Item>.into_iter().map(|item| &item.0)
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos"
)))]
pub use list::Item;

/// Everything that is linked into this program.
pub(crate) fn registrations() -> impl Iterator<Item = &'static Registration> {
    list::entries().filter_map(Option::as_ref)
}
