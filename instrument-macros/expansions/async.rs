async fn fetch(&self, symbol: &str) -> Result<Bars, FetchError> {
    const {
        #[allow(unused_imports)]
        use ::instrument_core::__private::NotResult as _;
        ::instrument_core::__private::named_result(
            &<::instrument_core::__private::Probe<'_, Result<Bars, FetchError>>>::RESULT,
        );
    }
    static __INSTRUMENT: ::instrument_core::__private::Site<[::instrument_core::__private::Use; 1usize]> =
        ::instrument_core::__private::Site::new(
            ::instrument_core::__private::Place::here(),
            &::instrument_core::__private::function_labels(::instrument_core::__private::core::module_path!(), &|| {}),
            [::instrument_core::__private::Use::shared(
                ::instrument_core::__private::Kind::Histogram,
                ::instrument_core::__private::Outcomes::of(true, true),
            )],
        );
    ::instrument_core::__private::submit!(::instrument_core::__private::Registration::Site(&__INSTRUMENT));
    ::instrument_core::__private::Timed::new(
        ::instrument_core::__private::here(|| &__INSTRUMENT),
        [],
        async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
            if false {
                let edge: Result<Bars, FetchError> = loop {};
                return edge;
            }
            let _ = (&symbol, &self);
            self.get(symbol).await?.bars()
        },
        |ret, _| {
            #[allow(unused_imports)]
            use ::instrument_core::__private::NotResult as _;
            ::instrument_core::__private::Probe::new(ret).outcome()
        },
    )
    .await
}
