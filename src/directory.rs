//! The register of calls, as the authenticated interface sees it.

use std::{sync::Arc, time::Duration};

use call::{
    AgentKind, CallId,
    api::{ApiReply, ApiRequest},
};
use edge::{AskError, Registry};
use uuid::Uuid;

use crate::api::{Answering, CallDirectory, CallPort, CallSummary, PortError};

/// [`CallDirectory`] over the register.
pub(crate) struct Directory(pub(crate) Arc<Registry>);

impl CallDirectory for Directory {
    fn list(&self) -> Vec<CallSummary> {
        let summaries = self.0.list().into_iter();
        summaries
            .map(|summary| CallSummary {
                id: summary.id.uuid(),
                trunk: summary.trunk,
                agent: match summary.agent {
                    AgentKind::Collector => "collector".to_owned(),
                    AgentKind::Stream => "twilio-stream".to_owned(),
                    AgentKind::Echo => "echo".to_owned(),
                },
                state: if summary.ended.is_some() { "ended" } else { "up" },
                started: summary.started,
            })
            .collect()
    }

    fn find(&self, id: Uuid) -> Option<Arc<dyn CallPort>> {
        let id = CallId::new(id);
        let port = Port { registry: Arc::clone(&self.0), id };
        self.0.knows(id).then(|| Arc::new(port) as Arc<dyn CallPort>)
    }
}

struct Port {
    registry: Arc<Registry>,
    id: CallId,
}

impl CallPort for Port {
    fn request(&self, request: ApiRequest, deadline: Duration) -> Answering<'_> {
        Box::pin(async move {
            let answer: Result<ApiReply, AskError> = self.registry.ask(self.id, request, deadline).await;
            answer.map_err(|error| match error {
                AskError::Ended => PortError::Ended,
                AskError::Full => PortError::Full,
                AskError::Late => PortError::Late,
            })
        })
    }
}
