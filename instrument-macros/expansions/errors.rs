fn submit(order: &Order) -> Result<OrderId, Refusal> {
    static __INSTRUMENT: ::instrument_core::__private::Site<[::instrument_core::__private::Use; 1usize]> =
        ::instrument_core::__private::Site::new(
            ::instrument_core::__private::Place::here(),
            &::instrument_core::__private::function_labels(::instrument_core::__private::core::module_path!(), &|| {}),
            [
                ::instrument_core::__private::Use::of(::instrument_core::__private::Metric::new(
                    ::instrument_core::__private::Desc {
                        labels: &[::instrument_core::__private::Label {
                            key: "code",
                            domain: ::instrument_core::__private::Domain::Values(|| {
                                ::instrument_core::__private::values_of_expression(
                                    |#[allow(unused_variables)] (err,): (
                                        &<Result<OrderId, Refusal> as ::instrument_core::__private::ResultParts>::Err,
                                    )| {
                                        ::instrument_core::__private::marker(&(err.code()))
                                    },
                                )
                            }),
                        }],
                        ..::instrument_core::__private::Desc::new(
                            "order_errors_total",
                            ::instrument_core::__private::Kind::Counter,
                        )
                    },
                ))
                .when(::instrument_core::__private::When::ERROR)
                .slot(0u8),
            ],
        );
    :: instrument_core :: __private :: submit ! (site __INSTRUMENT);
    let call = ::instrument_core::__private::call(&__INSTRUMENT, [0], false);
    let ret = ::instrument_core::__private::run(move || -> Result<OrderId, Refusal> {
        let _ = (&order,);
        order.send()
    });
    #[allow(unused_imports)]
    use ::instrument_core::__private::Settle as _;
    ::instrument_core::__private::Returned(ret).settle(call, |ret, numbers| {
        numbers[0usize] = {
            let slot = numbers[0usize];
            let slot = match ret {
                ::instrument_core::__private::core::result::Result::Err(err) => {
                    ::instrument_core::__private::fold(&(err.code()), slot)
                }
                ::instrument_core::__private::core::result::Result::Ok(_) => slot,
            };
            slot
        };
        #[allow(unused_imports)]
        use ::instrument_core::__private::NotResult as _;
        ::instrument_core::__private::Probe::new(ret).outcome()
    })
}
