use instrument_core::{counted, metrics, timed};

metrics! {
    /// Failures.
    static FAILURES: Counter<(empty: bool)> = "failures_total";
}

#[counted(FAILURES, labels(empty = err.is_empty()))]
fn declared_without_none() -> Result<(), String> {
    Ok(())
}

#[counted("orders", labels(both = ok.is_some() && err.is_empty()))]
fn two_parts() -> Result<Option<u32>, String> {
    Ok(None)
}

#[timed("never", ok_if = |_| true)]
fn never() -> ! {
    panic!()
}

#[counted("entry", on = enter, labels(empty = ret.is_ok()))]
fn at_entry() -> Result<(), String> {
    Ok(())
}

#[timed("not_a_result", labels(empty = err.is_empty()))]
fn no_result() -> String {
    String::new()
}

fn main() {
    declared_without_none().unwrap();
    two_parts().unwrap();
    at_entry().unwrap();
    no_result();
    never();
}
