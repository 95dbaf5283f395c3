//! Where a carrier tells of the payments that it takes. Its signature is all that lets it in.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use backends::carrier::{CarrierLink, CarrierTold, TellError};
use jiff::Timestamp;
use uuid::Uuid;

/// Most bytes of what a carrier tells.
const LIMIT: usize = 16 * 1024;

/// Whether what was told was of any use, in the end.
pub(crate) type Telling = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Takes what a carrier tells to its call, or to the payment that a call has left.
pub(crate) trait CarrierDesk: Send + Sync + 'static {
    /// Whether there is such a call, with room for it, or such a payment whose outcome is not known.
    fn tell(&self, told: CarrierTold) -> Telling;
}

/// What the routes need.
#[derive(Clone)]
pub(crate) struct CarrierDoor {
    /// Who knows the carrier's signature.
    pub(crate) link: Arc<CarrierLink>,
    /// Who passes on what it tells.
    pub(crate) desk: Arc<dyn CarrierDesk>,
}

/// The routes for the carrier.
pub(crate) fn carrier_routes(door: CarrierDoor) -> Router {
    Router::new()
        .route("/carrier/twilio/{call}/{capture}", post(twilio))
        .route("/carrier/telnyx", post(telnyx))
        .layer(DefaultBodyLimit::max(LIMIT))
        .with_state(door)
}

async fn twilio(
    State(door): State<CarrierDoor>,
    Path((call, capture)): Path<(Uuid, Uuid)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let told = door.link.told_by_twilio(call, capture, &body, header(&headers, "x-twilio-signature"));
    take(&door, told).await
}

async fn telnyx(State(door): State<CarrierDoor>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (timestamp, signature) = (header(&headers, "telnyx-timestamp"), header(&headers, "telnyx-signature-ed25519"));
    let told = door.link.told_by_telnyx(Timestamp::now(), timestamp, signature, &body);
    take(&door, told).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn take(door: &CarrierDoor, told: Result<Option<CarrierTold>, TellError>) -> StatusCode {
    match told {
        Ok(None) => StatusCode::NO_CONTENT,
        Ok(Some(told)) => {
            if door.desk.tell(told).await {
                StatusCode::NO_CONTENT
            } else {
                StatusCode::NOT_FOUND
            }
        }
        Err(TellError::Malformed) => StatusCode::BAD_REQUEST,
        Err(TellError::Unsigned) => {
            metrics::counter!("tonegate_control_failures_total", "control" => "carrier_signature").increment(1);
            tracing::warn!(target: "audit", "what came in the carrier's name is not signed by it");
            StatusCode::FORBIDDEN
        }
    }
}
