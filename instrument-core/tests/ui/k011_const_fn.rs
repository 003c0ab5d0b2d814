use instrument_core::timed;

#[timed]
const fn at_compile_time() -> u32 {
    1
}

const _: u32 = at_compile_time();

fn main() {}
