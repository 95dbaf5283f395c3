//! A trunk that lets callers hear themselves: through the gate, and through the jitter buffer.

use testkit::{
    gateway::{Agent, GatewayOptions},
    softphone::{CallRequest, Softphone},
};

use crate::{
    bot::{HEARD_OUT, line::Line, tone},
    client::{eventually, metrics, noted, sum},
    plant,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_of_an_echo_hears_themselves() {
    let gateway = plant::start(&GatewayOptions { agent: Agent::Echo, ..plant::options("echo") });
    let request = CallRequest::new(gateway.addresses().sip_udp, "+15555550199", "echo");
    let line = Line::of(Softphone::call(&request).await.expect("an answer"));
    noted(&gateway, HEARD_OUT, "opened", "caller audio flows from here").await;
    let before = line.sounding();
    line.say(tone(2_000)).await;
    line.until("two seconds of tone", HEARD_OUT, |heard| heard.sounding() >= before + 95).await;
    let share = line.tone_share(before);
    assert!(share > 0.9, "the tone's share of what came back: {share:.2}");
    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    let played = async || {
        let played = sum(&metrics(&gateway).await, "tonegate_jitter_buffer_frames_total", &["result=\"played\""]);
        (played >= 90.0).then_some(())
    };
    eventually(HEARD_OUT, "frames that were played", played).await;
}
