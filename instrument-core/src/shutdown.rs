//! SIGINT and SIGTERM: the first asks a program to end in order, the second ends it at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Takes both signals over and returns the token that the first of them cancels. Needs a tokio runtime.
///
/// The second ends the process at once, with the exit code that the signal would have had (130 or 143).
///
/// # Errors
/// The system refused a handler.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        let (name, _) = next(&mut interrupt, &mut terminate).await;
        tracing::info!("{name}: stopping; once more to stop at once");
        cancel.cancel();
        let (_, code) = next(&mut interrupt, &mut terminate).await;
        std::process::exit(code);
    });
    Ok(stop)
}

/// The name of the next signal, and the exit code of a program that it ends.
async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> (&'static str, i32) {
    tokio::select! {
        _ = interrupt.recv() => ("SIGINT", 130),
        _ = terminate.recv() => ("SIGTERM", 143),
    }
}
