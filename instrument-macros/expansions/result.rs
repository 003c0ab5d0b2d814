fn check(frame: &[u8]) -> Result<u8, Empty> {
    static __INSTRUMENT: ::instrument_core::__private::Site<[::instrument_core::__private::Use; 1usize]> =
        ::instrument_core::__private::Site::new(
            ::instrument_core::__private::Place::here(),
            &::instrument_core::__private::function_labels(::instrument_core::__private::core::module_path!(), &|| {}),
            [::instrument_core::__private::Use::shared(
                ::instrument_core::__private::Kind::Histogram,
                ::instrument_core::__private::Outcomes::of(
                    {
                        #[allow(unused_imports)]
                        use ::instrument_core::__private::NotResult as _;
                        <::instrument_core::__private::Probe<'_, Result<u8, Empty>>>::IS_RESULT
                    },
                    false,
                ),
            )],
        );
    :: instrument_core :: __private :: submit ! (site __INSTRUMENT);
    let call = ::instrument_core::__private::call(&__INSTRUMENT, [], false);
    let ret = ::instrument_core::__private::run(move || -> Result<u8, Empty> {
        let _ = (&frame,);
        frame.first().copied().ok_or(Empty)
    });
    #[allow(unused_imports)]
    use ::instrument_core::__private::Settle as _;
    ::instrument_core::__private::Returned(ret).settle(call, |ret, _| {
        #[allow(unused_imports)]
        use ::instrument_core::__private::NotResult as _;
        ::instrument_core::__private::Probe::new(ret).outcome()
    })
}
