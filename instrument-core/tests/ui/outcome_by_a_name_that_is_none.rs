use instrument_core::timed;

struct Result<T>(T);

#[timed]
fn generic<T>(value: T) -> Result<T> {
    Result(value)
}

fn main() {
    let _ = generic(1).0;
}
