use instrument_core::timed;
use std::future::Future;
use std::pin::Pin;

type Fetched<T> = Result<T, String>;
type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Feed<T>(T);

impl<T: Clone + Send + 'static> Feed<T> {
    #[timed]
    fn fetch(&self) -> Fetched<T> {
        Ok(self.0.clone())
    }

    #[timed]
    fn later(&self) -> Later<T> {
        let value = self.0.clone();
        Box::pin(async move { value })
    }
}

fn main() {
    let _ = (Feed(1).fetch(), Feed(1).later());
}
