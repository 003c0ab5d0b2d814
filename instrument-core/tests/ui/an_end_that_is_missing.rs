use instrument_core::timed;
use std::future::Future;
use std::pin::Pin;

#[timed]
fn sync(n: u32) -> Result<u32, String> {
    let _ = n;
}

#[timed]
async fn in_async(n: u32) -> u32 {
    let _ = n;
}

#[timed]
async fn early(n: u32) -> Result<u32, String> {
    if n > 1 {
        return n;
    }
    Err(String::new())
}

#[timed]
fn wrong_error(text: &str) -> Result<u32, std::fmt::Error> {
    Ok(text.parse::<u32>()?)
}

#[timed]
fn generic<T: Clone>(value: &T) -> Result<T, String> {
    Ok(value)
}

#[timed]
fn opaque(n: u32) -> impl Future<Output = Result<u32, String>> {
    async move { Ok(n.to_string()) }
}

#[timed]
fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    let held = std::rc::Rc::new(n);
    Box::pin(async move {
        std::future::ready(()).await;
        *held
    })
}

fn main() {
    let _ = (sync(1), in_async(1), early(1), wrong_error(""), generic(&1), opaque(1), boxed(1));
}
