use instrument_core::{counted, timed};

#[timed(name = "orders")]
fn a_word_before_the_name() {}

#[timed(in_flight, "orders")]
fn a_name_that_is_not_first() {}

#[timed("orders" in_flight)]
fn no_comma() {}

#[timed("orders",, in_flight)]
fn two_commas() {}

#[timed("orders", labels = (urgent))]
fn labels_without_parentheses(urgent: bool) {
    let _ = urgent;
}

#[timed("orders", labels(urgent late))]
fn labels_without_a_comma(urgent: bool, late: bool) {
    let _ = (urgent, late);
}

#[timed("orders", in_flight = true)]
fn a_value_for_a_word() {}

#[timed("orders", crate = "kit")]
fn a_path_in_quotes() {}

#[timed("orders", help = Help)]
fn a_help_that_is_no_text() {}

#[timed("orders", help = "")]
fn an_empty_help() {}

#[timed("orders", sample = 0.1)]
fn a_share() {}

#[counted("orders", on = "error")]
fn a_moment_in_quotes() -> Result<(), ()> {
    Ok(())
}

fn main() {
    a_word_before_the_name();
    a_name_that_is_not_first();
    no_comma();
    two_commas();
    labels_without_parentheses(true);
    labels_without_a_comma(true, true);
    a_value_for_a_word();
    a_path_in_quotes();
    a_help_that_is_no_text();
    an_empty_help();
    a_share();
    a_moment_in_quotes().unwrap();
}
