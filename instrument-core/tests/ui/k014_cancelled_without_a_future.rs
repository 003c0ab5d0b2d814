use instrument_core::counted;

#[counted("orders_cancelled", on = cancelled)]
fn submit() -> Result<(), String> {
    Ok(())
}

fn main() {
    submit().unwrap();
}
