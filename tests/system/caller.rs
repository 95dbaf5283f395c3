//! A telephone that is held in the background, so that a test can press keys and look at the gateway meanwhile.

use std::{net::SocketAddr, time::Duration};

use testkit::softphone::{CallRequest, Keying, PhoneEvent, Softphone};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
    time::timeout,
};

/// The user part of the called address.
const CALLED: &str = "collections";
/// A number of nobody's account.
pub(crate) const STRANGER: &str = "+12125550199";

enum Order {
    Press(String),
    Info(&'static str, String),
    HangUp,
}

/// A call that is up until either side hangs up.
pub(crate) struct Caller {
    runtime: Runtime,
    orders: mpsc::Sender<Order>,
    is_over: watch::Receiver<bool>,
}

impl Caller {
    /// Calls a gateway, which must answer.
    pub(crate) fn call(server: SocketAddr, keying: Keying) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let request = CallRequest { keying, ..CallRequest::new(server, STRANGER, CALLED) };
        let phone = runtime.block_on(Softphone::call(&request)).expect("an answer");
        let (orders, queue) = mpsc::channel(8);
        let (over, is_over) = watch::channel(false);
        runtime.spawn(hold(phone, queue, over));
        Self { runtime, orders, is_over }
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &str) {
        self.orders.blocking_send(Order::Press(keys.to_owned())).expect("a call");
    }

    /// Sends a SIP INFO request with a body of this type.
    pub(crate) fn info(&self, kind: &'static str, body: &str) {
        self.orders.blocking_send(Order::Info(kind, body.to_owned())).expect("a call");
    }

    /// Hangs up; the far side has confirmed it when this returns.
    pub(crate) fn hang_up(self, limit: Duration) {
        self.orders.blocking_send(Order::HangUp).expect("a call");
        assert!(self.ends_within(limit), "the gateway did not confirm the end of the call");
    }

    /// Whether the call is over within a time.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        let mut is_over = self.is_over.clone();
        self.runtime
            .block_on(async { timeout(limit, is_over.wait_for(|over| *over)).await.is_ok_and(|end| end.is_ok()) })
    }
}

async fn hold(mut phone: Softphone, mut orders: mpsc::Receiver<Order>, over: watch::Sender<bool>) {
    loop {
        tokio::select! {
            event = phone.next() => match event {
                Some(PhoneEvent::HungUp) | None => break,
                Some(
                    PhoneEvent::Audio { .. }
                    | PhoneEvent::Silence { .. }
                    | PhoneEvent::Idle
                    | PhoneEvent::Referred { .. },
                ) => {}
            },
            order = orders.recv() => match order {
                Some(Order::Press(keys)) => phone.press(&keys).await,
                Some(Order::Info(kind, body)) => phone.info(kind, &body).await,
                Some(Order::HangUp) => {
                    over.send_replace(phone.hang_up().await.is_ok());
                    return;
                }
                None => return,
            },
        }
    }
    over.send_replace(true);
}
