//! A bot that says more at once than playout takes: the driver over a real socket, against the playout of a leg whose time
//! runs as fast as this machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use audio::{Discarded, FRAME_SAMPLES, Filled, Playout, PlayoutConfig, PlayoutOutput};
use gate::SinkId;
use testkit::bot::BotServer as TestServer;

use super::*;
use crate::tests::until;

const PATIENCE: Duration = Duration::from_secs(20);
/// Messages of 20 ms: 55 s.
const POURED: usize = 2_750;

/// A leg of which only the playout matters.
struct Line {
    playout: Mutex<Playout>,
    /// How often the driver asked for room.
    asked: AtomicUsize,
}

impl Line {
    fn new() -> Arc<Self> {
        let playout = Mutex::new(Playout::new(PlayoutConfig::default()));
        Arc::new(Self { playout, asked: AtomicUsize::new(0) })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Playout) -> T) -> T {
        look(&mut self.playout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, event: BotEvent) {
        self.with(|playout| match event {
            BotEvent::Audio { generation, samples } => {
                playout.append_agent(generation, samples.into_vec().into()).unwrap();
            }
            BotEvent::Mark(name) => playout.mark(name).unwrap(),
            BotEvent::Clear(generation) => playout.clear(generation),
            BotEvent::Connected | BotEvent::Closed(_) => {}
        });
    }

    fn ahead(&self) -> Ahead {
        self.with(|playout| {
            let audio = Duration::from_micros(playout.agent_queued() as u64 * 125);
            Ahead { audio, entries: playout.entries(), is_crowded: false }
        })
    }

    /// Plays a second. Returns how many frames had sound, and whether a mark was reached.
    fn play(&self) -> (usize, bool) {
        self.with(|playout| {
            let sounding = (0..50).filter(|_| playout.next_frame(&mut [0; FRAME_SAMPLES]) == Filled::Audio).count();
            let is_marked = matches!(playout.poll_output(), Some(PlayoutOutput::Mark { cleared: false, .. }));
            (sounding, is_marked)
        })
    }
}

fn ends(line: &Arc<Line>) -> Ends {
    let (reported, measured) = (Arc::clone(line), Arc::clone(line));
    Ends {
        sink: SinkId(1),
        acknowledge: Box::new(|_| {}),
        report: Box::new(move |event| reported.take(event)),
        measure: Box::new(move || {
            measured.asked.fetch_add(1, Ordering::Relaxed);
            measured.ahead()
        }),
    }
}

/// Plays until the mark is reached. Returns how many frames had sound.
async fn play_to_the_mark(line: &Line) -> usize {
    let mut sounding = 0;
    until("mark", async || {
        let (more, is_marked) = line.play();
        sounding += more;
        is_marked
    })
    .await;
    sounding
}

#[tokio::test]
async fn what_a_bot_pours_is_played_to_its_end_and_so_is_the_mark_behind_it() {
    let (server, line) = (TestServer::bind().await.unwrap(), Line::new());
    let url = server.url().unwrap();
    let gateway = BotServer::new(&url, None, false, PATIENCE).unwrap();
    let link = open(&tokio::runtime::Handle::current(), gateway, identity(), BTreeMap::new(), ends(&line));
    let mut bot = server.accept().await.unwrap();
    let poured = tokio::spawn(async move {
        for _ in 0..POURED {
            bot.say(&[LOUD; 160]).await.unwrap();
        }
        bot.mark("end").await.unwrap();
        bot
    });
    until("audio ahead", async || line.ahead().audio >= Duration::from_secs(45)).await;
    let asked = line.asked.load(Ordering::Relaxed);
    until("question for room", async || line.asked.load(Ordering::Relaxed) > asked + 3).await;
    assert_eq!(line.ahead().audio, Duration::from_secs(45), "the rest is in the network");

    let sounding = play_to_the_mark(&line).await;
    assert_eq!((sounding, line.with(|playout| playout.discarded())), (POURED, Discarded::default()));
    let mut bot = poured.await.unwrap();
    link.command(BotCommand::MarkReached("end".to_owned()));
    assert_eq!(bot.expect("mark").await.unwrap()["mark"]["name"], "end");
}

#[tokio::test]
async fn a_message_longer_than_a_minute_is_played_to_its_end() {
    let (server, line) = (TestServer::bind().await.unwrap(), Line::new());
    let gateway = BotServer::new(&server.url().unwrap(), None, false, PATIENCE).unwrap();
    let _link = open(&tokio::runtime::Handle::current(), gateway, identity(), BTreeMap::new(), ends(&line));
    let mut bot = server.accept().await.unwrap();
    bot.say(&vec![LOUD; 90 * 8_000]).await.unwrap();
    bot.mark("end").await.unwrap();
    let sounding = play_to_the_mark(&line).await;
    assert_eq!((sounding, line.with(|playout| playout.discarded())), (90 * 50, Discarded::default()));
}
