//! A connection that ends when its reader does not keep up: an answer must be taken within a limit.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream whose writes fail once the other side has let them wait for too long: from the first that had to wait until
/// all is handed over, however little is taken in between.
#[derive(Debug)]
pub(super) struct Patience<S> {
    stream: S,
    limit: Duration,
    /// Runs while an answer waits.
    ends: Option<Pin<Box<Sleep>>>,
}

impl<S> Patience<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            ends: None,
        }
    }

    /// Fails a write that waits for too long already.
    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_pending() || self.ends.is_some() {
            let limit = self.limit;
            let ends = self
                .ends
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
            if ends.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// All that was written has been handed over: the next answer has its own time.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        let polled = self.bounded(context, polled);
        if polled.is_ready() {
            self.ends = None;
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn an_answer_that_is_taken_byte_by_byte_is_cut_off() {
        runtime().block_on(async {
            tokio::time::pause();
            let (ours, mut theirs) = duplex(8);
            let mut ours = Patience::new(ours, LIMIT);
            let start = tokio::time::Instant::now();
            let sips = async {
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    let _ = theirs.read(&mut [0]).await;
                }
            };
            let written = tokio::select! {
                written = ours.write_all(&[0; 64]) => written,
                () = sips => unreachable!(),
            };
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
            // Timers go by whole milliseconds, a start does not.
            let took = start.elapsed();
            let right = LIMIT..=LIMIT + Duration::from_millis(1);
            assert!(right.contains(&took), "{took:?}");
        });
    }

    #[test]
    fn each_answer_that_is_taken_in_time_has_its_own_limit() {
        runtime().block_on(async {
            tokio::time::pause();
            let (ours, mut theirs) = duplex(8);
            let mut ours = Patience::new(ours, LIMIT);
            for _ in 0..5 {
                let take = async {
                    tokio::time::sleep(LIMIT * 3 / 4).await;
                    theirs.read_exact(&mut [0; 16]).await
                };
                let give = async {
                    ours.write_all(&[0; 16]).await?;
                    ours.flush().await
                };
                let (given, taken) = tokio::join!(give, take);
                given.unwrap();
                taken.unwrap();
            }
        });
    }
}
