//! The `tokio_*` families: how a runtime of the program is doing. Behind the feature `tokio-metrics`. Cold.

use tokio::runtime::RuntimeMetrics;

use crate::exposition::{About, Computed, labels};
use crate::metric::Kind::{Counter, Gauge};

/// Every family, by name.
pub(crate) static ABOUT: [About<'static>; 5] = [
    About::new("tokio_alive_tasks", Gauge, "Tasks that are not done."),
    About::new(
        "tokio_global_queue_depth",
        Gauge,
        "Tasks that wait in the queue of all workers.",
    ),
    About::new(
        "tokio_worker_busy_seconds_total",
        Counter,
        "Time that a worker has spent on tasks.",
    )
    .labels(&[("worker", &[])]),
    About::new(
        "tokio_worker_parks_total",
        Counter,
        "How often a worker has gone to sleep for want of tasks.",
    )
    .labels(&[("worker", &[])]),
    About::new("tokio_workers", Gauge, "Worker threads of the runtime."),
];

/// Every family of a runtime, with its values.
pub(crate) fn families(runtime: &RuntimeMetrics) -> Vec<Computed<'static>> {
    let of_workers = |value: &dyn Fn(usize) -> f64| {
        let worker = |worker: usize| {
            let label = worker.to_string();
            (labels(&[("worker", &label)]), value(worker))
        };
        (0..runtime.num_workers()).map(worker).collect()
    };
    let tasks = runtime.num_alive_tasks();
    let queued = runtime.global_queue_depth();
    let busy = of_workers(&|worker| runtime.worker_total_busy_duration(worker).as_secs_f64());
    let parks = of_workers(&|worker| runtime.worker_park_count(worker) as f64);
    vec![
        ABOUT[0].plain(tasks as f64),
        ABOUT[1].plain(queued as f64),
        ABOUT[2].with(busy),
        ABOUT[3].with(parks),
        ABOUT[4].plain(runtime.num_workers() as f64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_workers_are_seen() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("threads can be started");
        let (hold, released) = tokio::sync::oneshot::channel::<()>();
        let task = runtime.spawn(released);
        let families = families(&runtime.handle().metrics());
        let get = |name: &str| {
            let family = families.iter().find(|family| family.about.name == name);
            family.map(|family| family.samples.clone())
        };
        assert_eq!(get("tokio_workers"), Some(vec![(String::new(), 2.0)]));
        assert_eq!(get("tokio_alive_tasks"), Some(vec![(String::new(), 1.0)]));
        assert_eq!(
            get("tokio_worker_parks_total").map(|all| all.len()),
            Some(2)
        );
        drop(hold);
        assert!(runtime.block_on(task).expect("it does not panic").is_err());
    }
}
