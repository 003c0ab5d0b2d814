#[doc = " Submits an order."]
fn submit(venue: Venue, order: &Order) -> Result<OrderId, Refusal> {
    static __INSTRUMENT: ::instrument_core::__private::Site<[::instrument_core::__private::Use; 2usize]> =
        ::instrument_core::__private::Site::new(
            ::instrument_core::__private::Place::here(),
            &::instrument_core::__private::function_labels(::instrument_core::__private::core::module_path!(), &|| {}),
            [
                ::instrument_core::__private::Use::of(::instrument_core::__private::Metric::new(
                    ::instrument_core::__private::Desc {
                        outcomes: ::instrument_core::__private::Outcomes::of(
                            {
                                #[allow(unused_imports)]
                                use ::instrument_core::__private::NotResult as _;
                                <::instrument_core::__private::Probe<'_, Result<OrderId, Refusal>>>::IS_RESULT
                            },
                            false,
                        ),
                        help: ::instrument_core::__private::Help::Doc("Submits an order."),
                        labels: &[
                            ::instrument_core::__private::Label {
                                key: "venue",
                                domain: ::instrument_core::__private::Domain::Values(|| {
                                    ::instrument_core::__private::values_of_expression(
                                        |#[allow(unused_variables)] (venue,): (Venue,)| {
                                            ::instrument_core::__private::marker(&(venue))
                                        },
                                    )
                                }),
                            },
                            ::instrument_core::__private::Label {
                                key: "side",
                                domain: ::instrument_core::__private::Domain::Values(|| {
                                    ::instrument_core::__private::values_of_expression(
                                        |#[allow(unused_variables)] (order,): (&Order,)| {
                                            ::instrument_core::__private::marker(&(order.side))
                                        },
                                    )
                                }),
                            },
                        ],
                        ..::instrument_core::__private::Desc::new(
                            "order_submit_duration_seconds",
                            ::instrument_core::__private::Kind::Histogram,
                        )
                    },
                ))
                .slot(0u8),
                ::instrument_core::__private::Use::of(::instrument_core::__private::Metric::new(
                    ::instrument_core::__private::Desc {
                        labels: &[
                            ::instrument_core::__private::Label {
                                key: "venue",
                                domain: ::instrument_core::__private::Domain::Values(|| {
                                    ::instrument_core::__private::values_of_expression(
                                        |#[allow(unused_variables)] (venue,): (Venue,)| {
                                            ::instrument_core::__private::marker(&(venue))
                                        },
                                    )
                                }),
                            },
                            ::instrument_core::__private::Label {
                                key: "side",
                                domain: ::instrument_core::__private::Domain::Values(|| {
                                    ::instrument_core::__private::values_of_expression(
                                        |#[allow(unused_variables)] (order,): (&Order,)| {
                                            ::instrument_core::__private::marker(&(order.side))
                                        },
                                    )
                                }),
                            },
                        ],
                        ..::instrument_core::__private::Desc::new(
                            "order_submit_in_flight",
                            ::instrument_core::__private::Kind::Gauge,
                        )
                    },
                ))
                .slot(0u8),
            ],
        );
    :: instrument_core :: __private :: submit ! (site __INSTRUMENT);
    let call = ::instrument_core::__private::call(
        &__INSTRUMENT,
        [::instrument_core::__private::fold(
            &(order.side),
            ::instrument_core::__private::fold(&(venue), 0),
        )],
        false,
    );
    let ret = ::instrument_core::__private::run(move || -> Result<OrderId, Refusal> {
        let _ = (&order, &venue);
        venue.send(order.check()?)
    });
    #[allow(unused_imports)]
    use ::instrument_core::__private::Settle as _;
    ::instrument_core::__private::Returned(ret).settle(call, |ret, _| {
        #[allow(unused_imports)]
        use ::instrument_core::__private::NotResult as _;
        ::instrument_core::__private::Probe::new(ret).outcome()
    })
}
