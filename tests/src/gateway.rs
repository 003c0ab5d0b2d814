//! A `ZeroMQ` gateway that stands before a real one and, once armed, does the next order wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use zmq::PollEvents;

use crate::wait_until;

/// How long the gateway behind may take, in milliseconds.
const BEHIND_MS: i32 = 2_000;

/// What goes wrong with one order.
#[derive(Debug, Clone)]
pub enum OrderFault {
    /// It never gets there, and no answer comes.
    Lost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is carried out, and the answer comes so much later.
    AnswerLate(Duration),
    /// It is carried out, and these frames come, made of the answer.
    Mangled(fn(Value) -> Vec<Vec<u8>>),
    /// It is carried out, and an answer to another request comes before its own.
    StrangerFirst,
    /// It is not carried out, and these fields are the answer.
    Answer(Value),
}

/// The gateway; it ends with the value.
#[derive(Debug)]
pub struct FaultGateway {
    port: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    armed: Mutex<Option<OrderFault>>,
    orders: Mutex<Vec<Value>>,
    silent: AtomicBool,
    forgetful: AtomicBool,
    mangled_memory: AtomicBool,
    ended: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultGateway {
    /// Stands before the gateway at `upstream`, `HOST:PORT`.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn before(upstream: &str) -> Self {
        let (context, shared) = (zmq::Context::new(), Arc::new(Shared::default()));
        let front = context.socket(zmq::ROUTER).expect("a socket can be made");
        front.set_linger(0).expect("LINGER is an option");
        front.bind("tcp://127.0.0.1:*").expect("a port is free");
        let endpoint = front.get_last_endpoint().expect("it is bound");
        let endpoint = endpoint.expect("an endpoint is text");
        let port = endpoint
            .rsplit(':')
            .next()
            .expect("it has a port")
            .to_owned();
        let proxy = Proxy {
            context,
            front,
            upstream: format!("tcp://{upstream}"),
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || proxy.run());
        Self { port, shared }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Makes the next order go wrong.
    pub fn arm(&self, fault: OrderFault) {
        *locked(&self.shared.armed) = Some(fault);
    }

    /// Waits until the fault has been done.
    pub fn wait_for_fault(&self) {
        wait_until("an order to go wrong", || {
            match locked(&self.shared.armed).clone() {
                None => Ok(()),
                armed => Err(armed),
            }
        });
    }

    /// Answers nothing at all, or everything again.
    pub fn be_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }

    /// From now on knows no order and has another session, as after a restart without memory; positions stay.
    pub fn forget(&self) {
        self.shared.forgetful.store(true, Ordering::SeqCst);
    }

    /// From now on what it says of orders that were sent lacks their tickets.
    pub fn mangle_memory(&self, mangled: bool) {
        self.shared.mangled_memory.store(mangled, Ordering::SeqCst);
    }

    /// Every order that came, in order of arrival.
    #[must_use]
    pub fn orders(&self) -> Vec<Value> {
        locked(&self.shared.orders).clone()
    }
}

impl Drop for FaultGateway {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
    }
}

struct Proxy {
    // Sockets stand before their context, as they are closed before it.
    front: zmq::Socket,
    context: zmq::Context,
    upstream: String,
    shared: Arc<Shared>,
}

impl Proxy {
    fn run(&self) {
        while !self.shared.ended.load(Ordering::SeqCst) {
            if self.front.poll(PollEvents::POLLIN, 10).unwrap_or(0) == 0 {
                continue;
            }
            let Ok(mut frames) = self.front.recv_multipart(0) else {
                return;
            };
            let request = frames.pop().unwrap_or_default();
            if !self.shared.silent.load(Ordering::SeqCst) {
                self.answer(&frames, &request);
            }
        }
    }

    fn answer(&self, envelope: &[Vec<u8>], request: &[u8]) {
        let json: Value = serde_json::from_slice(request).unwrap_or_default();
        let is_order = ["OPEN", "CLOSE"].iter().any(|name| json["action"] == *name);
        if !is_order {
            let reply = self.behind(request);
            let is = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
            let reply = match reply {
                Some(reply) if is(&self.shared.forgetful) => Some(edited(reply, forgotten)),
                Some(reply) if is(&self.shared.mangled_memory) => Some(edited(reply, ticketless)),
                other => other,
            };
            return self.send(envelope, reply);
        }
        locked(&self.shared.orders).push(json.clone());
        let fault = locked(&self.shared.armed).clone();
        match &fault {
            None => self.send(envelope, self.behind(request)),
            Some(OrderFault::Lost) => {}
            Some(OrderFault::AnswerLost) => drop(self.behind(request)),
            Some(OrderFault::AnswerLate(by)) => {
                let reply = self.behind(request);
                thread::sleep(*by);
                self.send(envelope, reply);
            }
            Some(OrderFault::Mangled(mangle)) => {
                let reply = self.behind(request).unwrap_or_default();
                let reply = serde_json::from_slice(&reply).unwrap_or_default();
                let frames = envelope.iter().cloned().chain(mangle(reply));
                let _ = self.front.send_multipart(frames, 0);
            }
            Some(OrderFault::StrangerFirst) => {
                let stranger = json!({"uuid": "of-nobody", "status": "FILLED", "ticket": 1,
                    "volume": 9.0, "price": 9.0});
                self.send(envelope, Some(stranger.to_string().into_bytes()));
                self.send(envelope, self.behind(request));
            }
            Some(OrderFault::Answer(fields)) => {
                let mut reply = fields.clone();
                reply["uuid"] = json["uuid"].clone();
                self.send(envelope, Some(reply.to_string().into_bytes()));
            }
        }
        // Only now: whoever waits for the fault finds it done.
        if fault.is_some() {
            *locked(&self.shared.armed) = None;
        }
    }

    /// The real gateway's reply; `None` if it has none.
    fn behind(&self, request: &[u8]) -> Option<Vec<u8>> {
        let socket = self.context.socket(zmq::REQ).ok()?;
        socket.set_linger(0).ok()?;
        socket.set_rcvtimeo(BEHIND_MS).ok()?;
        socket.connect(&self.upstream).ok()?;
        socket.send(request, 0).ok()?;
        socket.recv_bytes(0).ok()
    }

    fn send(&self, envelope: &[Vec<u8>], reply: Option<Vec<u8>>) {
        if let Some(reply) = reply {
            let frames = envelope.iter().cloned().chain([reply]);
            // A client that has gone away is what most faults are about.
            let _ = self.front.send_multipart(frames, 0);
        }
    }
}

fn edited(reply: Vec<u8>, edit: fn(&mut Value)) -> Vec<u8> {
    let Ok(mut json) = serde_json::from_slice::<Value>(&reply) else {
        return reply;
    };
    edit(&mut json);
    json.to_string().into_bytes()
}

/// A reply as it would be after a restart without memory.
fn forgotten(json: &mut Value) {
    if json.get("order_uuid").is_some() {
        *json =
            json!({"uuid": json["uuid"], "status": "NOT_FOUND", "order_uuid": json["order_uuid"]});
    }
    if json.get("gateway_session").is_some() {
        json["gateway_session"] = "another".into();
    }
}

/// What is said of an order, without its ticket.
fn ticketless(json: &mut Value) {
    if json.get("order_uuid").is_some() {
        json["ticket"] = Value::Null;
    }
}
