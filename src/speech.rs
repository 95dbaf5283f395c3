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
    let grammars: Vec<_> = GrammarId::ALL.into_iter().map(Grammar::from).collect();
    let sphinx = Arc::new(PocketSphinx::new(Model::default(), speech.cache.join("grammars"), &grammars)?);
    let better = match &speech.models {
        Some(models) => Some(load(models, speech, stop, tasks).await?),
        None => None,
    };
    let bounds = recogniser_bounds(speech);
    let (prompts, recognisers) = match better {
        None => (prompt_store(speech, Arc::new(flite))?, Recognisers::new(sphinx, None, bounds)),
        Some(loaded) => (
            prompt_store(speech, loaded.piper)?.with_fallback(Arc::new(flite)),
            Recognisers::new(loaded.whisper, Some(sphinx), bounds),
        ),
    };
    warm(config, &prompts).await?;
    Ok((Arc::new(prompts), recognisers))
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

fn prompt_store(speech: &Speech, voice: Arc<dyn Voice>) -> Result<PromptStore> {
    let deadline = speech.answer_deadline_milliseconds.duration();
    let bounds = PromptBounds { at_a_time: usize::from(speech.synthesisers), deadline, ..PromptBounds::default() };
    Ok(PromptStore::open(speech.cache.clone(), voice, bounds)?)
}

fn recogniser_bounds(speech: &Speech) -> RecogniserBounds {
    let deadline = speech.answer_deadline_milliseconds.duration();
    RecogniserBounds { at_a_time: usize::from(speech.recognisers), deadline, ..RecogniserBounds::default() }
}

/// Renders the lines that are the same in every call of this business.
pub(crate) async fn warm(config: &Config, prompts: &PromptStore) -> Result<()> {
    let business = parts::business_name(config)?;
    let phrases = Phrase::fixed().into_iter().chain(Phrase::notices(&business));
    let lines: Vec<_> = phrases.map(|phrase| (phrase.name(), phrase.text())).collect();
    prompts.warm(&lines).await.context("cannot render the fixed prompts")
}

/// What `tonegate check` says of the models.
pub(crate) fn find(config: &Config) -> Result<(), String> {
    config.speech.models.as_deref().map_or(Ok(()), |models| Voices::find(models).map(drop).map_err(|e| e.to_string()))
}
