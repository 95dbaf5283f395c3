//! Recognisers that hang, and that die.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use testkit::{
    debtor::DebtorVoice,
    gateway::{Gateway, GatewayOptions},
    softphone::{CallRequest, Softphone},
};

use super::{ends, newest, noted};
use crate::{
    bot::{HEARD_OUT, line::Line},
    client::{eventually, metrics, sum, when},
    plant,
};

/// The telephone number of the account `CA-1001` in `config/sample-accounts.csv`.
const CALLER: &str = "+12025550143";

/// Puts a recogniser into `directory` that hangs when it is first started, leaves at once the second time, and is the
/// real one from then on.
fn install(directory: &Path) -> PathBuf {
    fs::create_dir_all(directory).expect("a directory");
    let here = std::path::absolute(directory).expect("a path");
    let script = format!(
        "#!/bin/sh\nif /bin/mkdir '{0}/hung' 2>/dev/null; then echo $$ > '{0}/id'; exec /bin/sleep infinity; fi\n\
         if /bin/mkdir '{0}/died' 2>/dev/null; then exit 1; fi\nexec /usr/bin/pocketsphinx_batch \"$@\"\n",
        here.display()
    );
    let program = here.join("pocketsphinx_batch");
    fs::write(&program, script).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    here
}

/// Waits until as many recognisers failed for a reason.
async fn failed(gateway: &Gateway, reason: &str) {
    let labels = ["child=\"recogniser\"", &format!("reason=\"{reason}\"")];
    eventually(HEARD_OUT, reason, async || {
        (sum(&metrics(gateway).await, "tonegate_child_restarts_total", &labels) == 1.0).then_some(())
    })
    .await;
}

/// Waits until a question was put to the end as often, so that no answer cuts it.
async fn asked(gateway: &Gateway, call: &str, times: usize) {
    eventually(HEARD_OUT, "a question", async || {
        let timeline = super::timeline(gateway, call).await;
        let asked = timeline.iter().filter(|entry| {
            entry["kind"] == "prompt.finished"
                && entry["detail"].as_str().is_some_and(|name| name.starts_with("ask_name"))
        });
        (asked.count() >= times).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recogniser_that_hangs_or_dies_costs_an_answer_and_not_the_call() {
    let options = plant::options("trouble-speech");
    let programs = install(&options.directory.join("programs"));
    let mut path = vec![programs.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let environment = vec![("PATH".to_owned(), env::join_paths(path).expect("a path"))];
    let gateway = plant::start(&GatewayOptions { environment, ..options });
    let request = CallRequest::new(gateway.addresses().sip_udp, CALLER, "collections");
    let line = Line::of(Softphone::call(&request).await.expect("an answer"));
    let id = newest(&gateway).await;
    let voice = DebtorVoice::of_seed(0);
    let yes = voice.say("yes").await.expect("a voice");

    asked(&gateway, &id, 1).await;
    line.say(yes.clone()).await;
    let hung: u32 = eventually(HEARD_OUT, "a recogniser", async || {
        fs::read_to_string(programs.join("id")).ok()?.trim().parse().ok()
    })
    .await;
    failed(&gateway, "hung").await;
    eventually(HEARD_OUT, "its end", async || (!Path::new(&format!("/proc/{hung}")).exists()).then_some(())).await;

    asked(&gateway, &id, 2).await;
    line.say(yes).await;
    failed(&gateway, "exit").await;
    asked(&gateway, &id, 3).await;
    line.press("1").await;
    let timeline = noted(&gateway, &id, "verification", "Match").await;
    assert!(when(&timeline, "caller.keyed", "").is_some(), "{timeline:#?}");

    line.say(voice.say("march seventeenth nineteen eighty four").await.expect("a voice")).await;
    eventually(HEARD_OUT, "words", async || {
        let exposed = metrics(&gateway).await;
        let heard = |result| sum(&exposed, "tonegate_utterances_total", &[&format!("result=\"{result}\"")]);
        let is_up = sum(&exposed, "tonegate_child_up", &["child=\"recogniser\""]) == 1.0;
        (heard("words") + heard("unintelligible") >= 1.0 && is_up).then_some(())
    })
    .await;
    ends(&gateway, &line, &id).await;
    assert_eq!(sum(&metrics(&gateway).await, "tonegate_utterances_total", &["result=\"engine\""]), 2.0);
}
