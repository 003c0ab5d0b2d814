use instrument_core::timed;

trait Gateway {
    #[timed]
    fn submit(&self) -> u32;
}

impl Gateway for u8 {
    fn submit(&self) -> u32 {
        1
    }
}

fn main() {
    1u8.submit();
}
