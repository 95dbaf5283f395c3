//! Opens the speech engines: those of Debian's packages, or the better local voices with those behind them.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use backends::speech::{
    Flite, Grammar, Loaded, Model, PocketSphinx, PromptBounds, PromptStore, RecogniserBounds, Recognisers, Voice,
    Voices,
};
use dialogue::{GrammarId, Phrase};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Speech},
    parts,
};

/// Opens speech, and renders what every call needs. `stop` ends the workers, whose keepers are put into `tasks`.
pub(crate) async fn open(
    config: &Config,
    stop: &CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<(Arc<PromptStore>, Arc<Recognisers>)> {
    let speech = &config.speech;
    let Some(flite) = Flite::new("slt") else {
        bail!("no voice: install the Debian package flite");
    };
    let grammars: Vec<_> =
        GrammarId::ALL.into_iter().flat_map(|id| [Grammar::from(id), Grammar::or_number(id)]).collect();
    let sphinx = Arc::new(PocketSphinx::new(Model::default(), speech.cache.join("grammars"), &grammars)?);
    let better = match &speech.models {
        Some(models) => Some(load(models, speech, stop, tasks).await?),
        None => None,
    };
    let bounds = recogniser_bounds(speech);
    let is_slow = better.is_some();
    let (prompts, recognisers) = match better {
        None => (prompt_store(config, Arc::new(flite))?, Recognisers::new(sphinx, None, bounds)),
        Some(loaded) => (
            prompt_store(config, loaded.piper)?.with_fallback(Arc::new(flite)),
            Recognisers::new(loaded.whisper, Some(sphinx), bounds),
        ),
    };
    warm(config, &prompts).await?;
    let prompts = Arc::new(prompts);
    if is_slow {
        // Calls would wait for the one worker.
        render_rest(&prompts).await;
    } else {
        let (prompts, stop) = (Arc::clone(&prompts), stop.clone());
        tasks.push(tokio::spawn(async move {
            stop.run_until_cancelled(render_rest(&prompts)).await;
        }));
    }
    Ok((prompts, recognisers))
}

async fn load(
    models: &Path,
    speech: &Speech,
    stop: &CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<Loaded> {
    let voices = Voices::find(models).context("speech.models")?;
    let mut loaded = voices.start(speech.answer_deadline_milliseconds.duration(), stop).await?;
    tasks.append(&mut loaded.tasks);
    Ok(loaded)
}

fn prompt_store(config: &Config, voice: Arc<dyn Voice>) -> Result<PromptStore> {
    let speech = &config.speech;
    let deadline = speech.answer_deadline_milliseconds.duration();
    let bounds = PromptBounds { at_a_time: usize::from(speech.synthesisers), deadline, ..PromptBounds::default() };
    let notices = Phrase::notices(&parts::business_name(config)?);
    let fixed = notices.iter().chain(&Phrase::fixed()).map(line).collect();
    Ok(PromptStore::open(speech.cache.clone(), voice, bounds, fixed)?)
}

fn recogniser_bounds(speech: &Speech) -> RecogniserBounds {
    let deadline = speech.answer_deadline_milliseconds.duration();
    RecogniserBounds { at_a_time: usize::from(speech.recognisers), deadline, ..RecogniserBounds::default() }
}

/// Renders the lines that every call of this business needs.
pub(crate) async fn warm(config: &Config, prompts: &PromptStore) -> Result<()> {
    let notices = Phrase::notices(&parts::business_name(config)?);
    let lines: Vec<_> = notices.iter().chain(&Phrase::indispensable()).map(line).collect();
    prompts.warm(&lines).await.context("cannot render the prompts of every call")
}

/// Renders the lines that not every call needs.
async fn render_rest(prompts: &PromptStore) {
    match prompts.warm_rest().await {
        0 => tracing::info!("all fixed prompts are rendered"),
        failed => tracing::warn!(failed, "some fixed prompts could not be rendered; calls will ask again"),
    }
}

fn line(phrase: &Phrase) -> (&'static str, String) {
    (phrase.name(), phrase.text())
}

/// What `tonegate check` says of the models.
pub(crate) fn find(config: &Config) -> Result<(), String> {
    config.speech.models.as_deref().map_or(Ok(()), |models| Voices::find(models).map(drop).map_err(|e| e.to_string()))
}
