fn decode(frame: &[u8]) -> usize {
    let call = ::instrument_core::__private::enter(&__INSTRUMENT, []);
    static __INSTRUMENT: ::instrument_core::__private::Site<[::instrument_core::__private::Use; 1usize]> =
        ::instrument_core::__private::Site::new(
            ::instrument_core::__private::Place::here(),
            &::instrument_core::__private::function_labels(::instrument_core::__private::core::module_path!(), &|| {}),
            [::instrument_core::__private::Use::shared(
                ::instrument_core::__private::Kind::Histogram,
                ::instrument_core::__private::Outcomes::of(false, false),
            )],
        );
    ::instrument_core::__private::submit!(::instrument_core::__private::Registration::Site(&__INSTRUMENT));
    frame.len()
}
