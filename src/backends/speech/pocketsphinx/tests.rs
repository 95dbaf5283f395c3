use dialogue::GrammarId;

use super::*;
use crate::speech::{Flite, Sound, Voice, polish::polish};

fn engine(directory: &tempfile::TempDir) -> PocketSphinx {
    let grammars = GrammarId::ALL.map(Grammar::from);
    PocketSphinx::new(Model::default(), directory.path().to_owned(), &grammars).expect("every word has a pronunciation")
}

async fn said(text: &str) -> Utterance {
    let sound: Sound = Flite::new("rms").unwrap().say(text).await.unwrap();
    let samples = polish(&sound).unwrap();
    let telephone = samples.into_iter().map(|sample| audio::g711::decode_ulaw(audio::g711::encode_ulaw(sample)));
    Utterance { hertz: 8_000, samples: telephone.collect() }
}

#[tokio::test]
async fn telephone_speech_is_understood() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(&directory);
    let cases = [
        (GrammarId::PayInFull, "i need more time"),
        (GrammarId::Name, "speaking"),
        (GrammarId::YesNo, "yes please"),
        (GrammarId::DateOfBirth, "march seventeenth nineteen eighty four"),
        (GrammarId::PostalCode, "six zero six one four"),
        (GrammarId::PlanTerms, "fifty dollars a month"),
    ];
    for (grammar, text) in cases {
        let decoder = engine.prepare(&grammar.into()).unwrap();
        let words = decoder.decode(said(text).await).await.unwrap();
        assert_eq!(words.map(|words| grammar.parse(&words)), Some(grammar.parse(text)), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_not_forced_into_one() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(&directory);
    let mut backwards = said("there was an old lady who lived by the sea").await;
    backwards.samples.reverse();
    for (grammar, utterance) in [
        (GrammarId::PostalCode, backwards),
        (GrammarId::DateOfBirth, Utterance { hertz: 8_000, samples: vec![0; 16_000] }),
    ] {
        let decoder = engine.prepare(&grammar.into()).unwrap();
        assert_eq!(decoder.decode(utterance).await.unwrap(), None, "{}", grammar.name());
    }
}

#[tokio::test]
async fn a_child_that_dies_is_a_failure_and_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    for (program, failure) in
        [("/bin/false", EngineFailure::Exit), ("/bin/true", EngineFailure::Protocol), ("/bin/cat", EngineFailure::Exit)]
    {
        let model = Model { program: program.into(), ..Model::default() };
        let engine = PocketSphinx::new(model, directory.path().to_owned(), &[GrammarId::YesNo.into()]).unwrap();
        let decoder = engine.prepare(&GrammarId::YesNo.into()).unwrap();
        let answer = decoder.decode(Utterance { hertz: 8_000, samples: vec![0; 800] }).await;
        // A child that is gone before it is asked cannot even be written to.
        assert!(answer == Err(failure) || answer == Err(EngineFailure::Exit), "{program}: {answer:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model { acoustic: "/nonexistent".into(), ..Model::default() };
    let error = PocketSphinx::new(model, directory.path().to_owned(), &[]).err().unwrap();
    assert!(error.to_string().contains("/nonexistent is missing: install"), "{error}");
    let grammar = Grammar { words: vec!["qwxyz".to_owned()], ..GrammarId::YesNo.into() };
    let error = PocketSphinx::new(Model::default(), directory.path().to_owned(), &[grammar]).err().unwrap();
    assert!(error.to_string().contains("qwxyz"), "{error}");
}

#[test]
fn an_answer_is_words_and_a_score() {
    assert_eq!(parse("i need more time (2 -3329)\n"), Some(("i need more time", -3_329.0)));
    assert_eq!(parse(" (2 0)\n"), Some(("", 0.0)));
    for broken in ["", "i need more time", "words (3 -1)", "words (2 x)", "words (2"] {
        assert_eq!(parse(broken), None, "{broken}");
    }
}

#[test]
fn every_rate_becomes_the_model_s() {
    let at = |hertz, samples: &[i16]| wide_band(&Utterance { hertz, samples: samples.to_vec() }).collect::<Vec<_>>();
    assert_eq!(at(8_000, &[1, 2]), [1, 1, 2, 2]);
    assert_eq!(at(16_000, &[1, 2]), [1, 2]);
    assert_eq!(at(48_000, &[1, 2, 3, 4]), [1, 4]);
}

#[test]
fn what_a_recogniser_is_given_is_never_moved() {
    let utterance = Utterance { hertz: 8_000, samples: vec![513; 96_000] };
    let bytes = crate::speech::engine::little_endian(wide_band(&utterance));
    assert_eq!((bytes.len(), bytes.capacity()), (384_000, 384_000), "room for all from the beginning");
    assert_eq!(bytes[..6], [1, 2, 1, 2, 1, 2]);
}
