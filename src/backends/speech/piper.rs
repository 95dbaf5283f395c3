//! The synthesiser Piper, in a worker.

use std::sync::Arc;

use super::{
    engine::{BoxFuture, EngineFailure, Sound, Voice},
    worker::Worker,
};

/// Piper, with its model loaded.
pub struct Piper {
    pub(super) worker: Arc<Worker>,
    pub(super) identity: String,
}

impl Voice for Piper {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn say(&self, text: &str) -> BoxFuture<'_, Result<Sound, EngineFailure>> {
        let text = text.as_bytes().to_vec();
        Box::pin(async move {
            let answer = self.worker.ask(text.into()).await?;
            let hertz = answer.hertz.filter(|hertz| *hertz > 0).ok_or(EngineFailure::Protocol)?;
            let samples = answer.body.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            Ok(Sound { hertz, samples: samples.collect() })
        })
    }
}
