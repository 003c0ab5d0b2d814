//! The `tokio_*` families of a runtime, read from the page.

use instrument_core::{Builder, Exporter};
use tokio::sync::oneshot;

fn get(exporter: &Exporter, name: &str) -> f64 {
    exporter
        .samples()
        .get(name, &[])
        .unwrap_or_else(|| panic!("{name} is on the page"))
}

#[test]
fn tasks_and_workers_are_seen() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("threads can be started");
    let builder = Builder::new().tokio_runtime(runtime.handle());
    let exporter = builder.install().expect("there are no conflicts");
    let (hold, released) = oneshot::channel::<()>();
    let task = runtime.spawn(released);
    assert!((get(&exporter, "tokio_workers") - 2.0).abs() < f64::EPSILON);
    assert!((get(&exporter, "tokio_alive_tasks") - 1.0).abs() < f64::EPSILON);
    let samples = exporter.samples();
    assert_eq!(samples.series("tokio_worker_parks_total"), 2);
    assert_eq!(samples.series("tokio_global_queue_depth"), 1);

    let busy = samples.sum("tokio_worker_busy_seconds_total");
    let spin = runtime.spawn(async {
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 50 {
            std::hint::spin_loop();
        }
    });
    drop(hold);
    runtime.block_on(async {
        assert!(task.await.expect("it does not panic").is_err());
        spin.await.expect("it does not panic");
    });
    // The runtime counts a task's time once its worker is done with it.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let now = exporter.samples().sum("tokio_worker_busy_seconds_total");
        if now - busy >= 0.05 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{busy} then {now}");
        std::thread::yield_now();
    }
    assert!(get(&exporter, "tokio_alive_tasks").abs() < f64::EPSILON);
}
