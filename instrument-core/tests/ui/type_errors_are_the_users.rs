use instrument_core::timed;
use std::future::Future;
use std::pin::Pin;

#[timed]
fn sync(n: u32) -> Result<u32, String> {
    let text: String = n;
    if n > 1 {
        return Ok("two");
    }
    Ok(text)
}

#[timed]
async fn in_async(n: u32) -> Result<u32, String> {
    let text: String = n;
    if n > 1 {
        return Ok("two");
    }
    Ok(text)
}

#[timed]
fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    let text: String = n;
    Box::pin(async move { text })
}

#[timed]
fn plain(n: u32) -> u32 {
    missing(n)
}

fn main() {
    let _ = (sync(1), in_async(1), boxed(1), plain(1));
}
