use super::*;

/// Longest that anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A child that answers with what it was asked, and does what some requests name.
const ECHO: &str = r#"
import json, os, sys, time
out = sys.stdout.buffer
out.write(b'{"bytes": 0}\n'); out.flush()
while line := sys.stdin.buffer.readline():
    body = sys.stdin.buffer.read(json.loads(line)["bytes"])
    if body == b"die": os._exit(1)
    if body == b"hang": time.sleep(60)
    if body == b"huge": out.write(b'{"bytes": 1001}\n' + bytes(1001))
    elif body == b"cut": out.write(b'{"bytes": 10}\nabc'); out.flush(); os._exit(0)
    elif body == b"prattle": out.write(b"what?" * 1000)
    else: out.write(json.dumps({"bytes": len(body), "hertz": 16000}).encode() + b"\n" + body)
    out.flush()
"#;

fn options(script: &str) -> WorkerOptions {
    WorkerOptions {
        child: "test_worker",
        program: "/usr/bin/python3".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        loading: PATIENCE,
        deadline: PATIENCE,
        requests: 2,
        most_bytes: 1_000,
    }
}

struct Running {
    worker: Worker,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(options: WorkerOptions) -> Running {
    let stop = CancellationToken::new();
    let (worker, task) = Worker::start(options, stop.clone());
    worker.loaded().await.expect("python3 is installed");
    Running { worker, stop, task }
}

async fn ask(running: &Running, text: &str) -> Result<String, EngineFailure> {
    let answer = tokio::time::timeout(PATIENCE, running.worker.ask(text.as_bytes().to_vec().into())).await.unwrap()?;
    Ok(String::from_utf8(answer.body.to_vec()).unwrap())
}

/// Waits for the child's next life.
async fn again(running: &Running) {
    running.worker.loaded().await.unwrap();
}

#[tokio::test]
async fn one_child_answers_request_after_request_and_leaves_when_told() {
    let running = start(options(ECHO)).await;
    for text in ["one", "", "three"] {
        let answer = running.worker.ask(text.as_bytes().to_vec().into()).await.unwrap();
        assert_eq!(answer, Answer { hertz: Some(16_000), body: text.as_bytes().to_vec().into() });
    }
    running.stop.cancel();
    tokio::time::timeout(PATIENCE, running.task).await.unwrap().unwrap();
    assert!(!running.worker.is_loaded());
    assert_eq!(running.worker.ask(Vec::new().into()).await, Err(EngineFailure::Start));
}

#[tokio::test]
async fn a_child_that_dies_or_breaks_the_protocol_fails_its_request_and_is_started_again() {
    let running = start(options(ECHO)).await;
    let cases = [
        ("die", EngineFailure::Exit),
        ("cut", EngineFailure::Exit),
        ("huge", EngineFailure::Protocol),
        ("prattle", EngineFailure::Protocol),
    ];
    for (text, failure) in cases {
        assert_eq!(ask(&running, text).await, Err(failure), "{text}");
        again(&running).await;
        assert_eq!(ask(&running, "hello").await.as_deref(), Ok("hello"), "after {text}");
    }
}

#[tokio::test]
async fn a_child_that_hangs_is_ended_at_its_deadline() {
    let running = start(WorkerOptions { deadline: Duration::from_millis(300), ..options(ECHO) }).await;
    assert_eq!(ask(&running, "hang").await, Err(EngineFailure::Hung));
    again(&running).await;
    assert_eq!(ask(&running, "hello").await.as_deref(), Ok("hello"));
}

#[tokio::test]
async fn a_child_that_does_not_load_is_no_worker() {
    for (program, script) in [("/usr/bin/python3", "import sys; sys.exit(1)"), ("/no/such/program", "")] {
        let loading = Duration::from_millis(500);
        let options = WorkerOptions { program: program.into(), loading, ..options(script) };
        let (worker, _task) = Worker::start(options, CancellationToken::new());
        assert_eq!(worker.loaded().await, Err(EngineFailure::Start));
        assert_eq!(worker.ask(Vec::new().into()).await, Err(EngineFailure::Start));
    }
}

#[tokio::test]
async fn requests_wait_for_their_turn_and_too_many_are_refused() {
    let running = start(options(ECHO)).await;
    let (one, two, three) = tokio::join!(ask(&running, "one"), ask(&running, "two"), ask(&running, "three"));
    assert_eq!((one.as_deref(), two.as_deref()), (Ok("one"), Ok("two")));
    assert_eq!(three, Err(EngineFailure::Hung));
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_reaches_nobody_else() {
    let running = start(options(ECHO)).await;
    for _ in 0..20 {
        let forgotten = running.worker.ask(b"forgotten".to_vec().into());
        // Polled often enough to be sent, then dropped.
        tokio::select! { biased; _ = forgotten => {}, () = tokio::task::yield_now() => {} }
        assert_eq!(ask(&running, "mine").await.as_deref(), Ok("mine"));
    }
}
