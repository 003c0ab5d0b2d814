//! The `tokio_*` families: how a runtime of the program is doing. Behind the feature `tokio-metrics`. Cold.

use tokio::runtime::RuntimeMetrics;

use crate::exposition::Sink;
use crate::label::{Domain, Label};
use crate::metric::{Kind, Place};
use crate::observe::Own;

const WORKER: Label = Label {
    key: "worker",
    domain: Domain::Free,
};

/// By name.
pub(crate) static FAMILIES: [Own; 5] = [
    Own {
        name: "tokio_alive_tasks",
        kind: Kind::Gauge,
        help: "Tasks that are not done.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| {
            let tasks = scrape.runtime.map(RuntimeMetrics::num_alive_tasks);
            sink.put_known(tasks.map(|tasks| tasks as f64));
        },
    },
    Own {
        name: "tokio_global_queue_depth",
        kind: Kind::Gauge,
        help: "Tasks that wait in the queue of all workers.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| {
            let queued = scrape.runtime.map(RuntimeMetrics::global_queue_depth);
            sink.put_known(queued.map(|queued| queued as f64));
        },
    },
    Own {
        name: "tokio_worker_busy_seconds_total",
        kind: Kind::Counter,
        help: "Time that a worker has spent on tasks.",
        labels: &[WORKER],
        place: Place::here(),
        write: |scrape, sink| {
            of_workers(scrape.runtime, sink, |runtime, worker| {
                runtime.worker_total_busy_duration(worker).as_secs_f64()
            });
        },
    },
    Own {
        name: "tokio_worker_parks_total",
        kind: Kind::Counter,
        help: "How often a worker has gone to sleep for want of tasks.",
        labels: &[WORKER],
        place: Place::here(),
        write: |scrape, sink| {
            of_workers(scrape.runtime, sink, |runtime, worker| {
                runtime.worker_park_count(worker) as f64
            });
        },
    },
    Own {
        name: "tokio_workers",
        kind: Kind::Gauge,
        help: "Worker threads of the runtime.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| {
            let workers = scrape.runtime.map(RuntimeMetrics::num_workers);
            sink.put_known(workers.map(|workers| workers as f64));
        },
    },
];

fn of_workers(
    runtime: Option<&RuntimeMetrics>,
    sink: &mut Sink<'_>,
    value: fn(&RuntimeMetrics, usize) -> f64,
) {
    let Some(runtime) = runtime else {
        return;
    };
    for worker in 0..runtime.num_workers() {
        let mut label = itoa::Buffer::new();
        sink.put(&[("worker", label.format(worker))], value(runtime, worker));
    }
}
