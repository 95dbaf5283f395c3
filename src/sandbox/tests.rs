use std::path::Path;

use reqwest::{Client, Response};
use uuid::Uuid;

use super::{certificate::Files, *};

mod link;

/// A sandbox of a test's own, and a client that trusts it.
struct Bench {
    address: SocketAddr,
    client: Client,
    token: String,
    stop: CancellationToken,
}

impl Bench {
    async fn start(directory: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let files = Files::ensure(directory, "processor.localhost").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let token = std::fs::read_to_string(&files.token).unwrap();
        let authority = reqwest::Certificate::from_pem(&std::fs::read(&files.authority).unwrap()).unwrap();
        let client = Client::builder().tls_certs_only([authority]).build().unwrap();
        let Files { certificate, key, token: token_file, .. } = files;
        let state = Some(directory.join("ledger"));
        let options = Options { listen: address, certificate, key, token: token_file, state };
        let stopped = stop.clone();
        tokio::spawn(async move { serve_on(listener, &options, stopped).await });
        Self { address, client, token, stop }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}/v1/payments{path}", self.address.port())
    }

    async fn submit(&self, id: Uuid, number: &str, amount: u64) -> Response {
        let body = format!("number={number}&expiry=1230&code=123&amount={amount}&currency=USD");
        let request = self.client.post(self.url("")).bearer_auth(&self.token).header("idempotency-key", id.to_string());
        request.body(body).send().await.unwrap()
    }

    async fn read(&self, id: Uuid) -> Response {
        self.client.get(self.url(&format!("/{id}"))).bearer_auth(&self.token).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_payment_is_decided_once_and_told_across_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, id) = (Bench::start(directory.path()).await, Uuid::new_v4());
    let first = bench.submit(id, "4242424242424242", 4_200).await;
    assert_eq!(first.status(), 200);
    let first = first.text().await.unwrap();
    assert!(first.starts_with("status=approved&") && first.contains("&last_four=4242&token=tok_"));
    assert!(!first.contains("42424242"));
    assert!(bench.submit(id, "4242424242424242", 4_200).await.text().await.unwrap() == first);
    assert_eq!(bench.submit(id, "4242424242424242", 4_300).await.status(), 409);
    bench.stop.cancel();

    let again = Bench::start(directory.path()).await;
    assert!(again.read(id).await.text().await.unwrap() == first);
    assert!(again.submit(id, "4242424242424242", 4_200).await.text().await.unwrap() == first);
}

#[tokio::test]
async fn declines_and_refusals_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path()).await;
    let declined = bench.submit(Uuid::new_v4(), "4000000000009995", 1).await;
    assert_eq!(declined.status(), 402);
    assert!(declined.text().await.unwrap().ends_with("&reason=insufficient_funds"));

    let id = Uuid::new_v4();
    let real = bench.submit(id, "4000000000000010", 1).await;
    assert_eq!((real.status().as_u16(), real.text().await.unwrap().as_str()), (422, "error=not_a_test_card"));
    assert_eq!(bench.read(id).await.status(), 404);
    assert_eq!(bench.submit(id, "4242424242424242", 0).await.status(), 400);
    let keyless = bench.client.post(bench.url("")).bearer_auth(&bench.token).send().await.unwrap();
    assert_eq!(keyless.status(), 400);
}

#[tokio::test]
async fn a_card_pays_again_by_its_token_and_a_payment_is_given_back_once() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path()).await;
    let first = bench.submit(Uuid::new_v4(), "4242424242424242", 4_200).await.text().await.unwrap();
    let token = first.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap();
    let again = Uuid::new_v4();
    let by_token = |token: &str, id: Uuid| {
        let body = format!("token={token}&amount=100&currency=USD");
        let request = bench.client.post(bench.url("")).bearer_auth(&bench.token);
        request.header("idempotency-key", id.to_string()).body(body).send()
    };
    let paid = by_token(token, again).await.unwrap().text().await.unwrap();
    assert!(paid.starts_with(&format!("status=approved&id={again}&amount=100&")) && paid.contains("last_four=4242"));
    assert_eq!(by_token("tok_of_nobody", Uuid::new_v4()).await.unwrap().status(), 422);

    let refund = |id: Uuid| bench.client.post(bench.url(&format!("/{id}/refund"))).bearer_auth(&bench.token).send();
    for _ in 0..2 {
        let given = refund(again).await.unwrap();
        assert_eq!((given.status().as_u16(), given.text().await.unwrap().starts_with("status=refunded&")), (200, true));
    }
    assert!(bench.read(again).await.text().await.unwrap().starts_with("status=refunded&"));
    assert_eq!(refund(Uuid::new_v4()).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_bank_account_pays_like_a_card() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path()).await;
    for (account, expected) in [
        ("000123456789", "status=approved&"),
        ("000222222227", "status=declined&"),
        ("000999999999", "error=not_a_test_card"),
    ] {
        let body = format!(
            "routing=110000000&account={account}&account_type=checking&holder_type=individual&amount=4200&currency=USD"
        );
        let request = bench.client.post(bench.url("")).bearer_auth(&bench.token);
        let answer = request.header("idempotency-key", Uuid::new_v4().to_string()).body(body).send().await.unwrap();
        let answer = answer.text().await.unwrap();
        assert!(answer.starts_with(expected) && !answer.contains(account), "{answer}");
    }
}

#[tokio::test]
async fn nothing_is_said_without_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path()).await;
    let request = bench.client.get(bench.url(&format!("/{}", Uuid::new_v4())));
    assert_eq!(request.try_clone().unwrap().send().await.unwrap().status(), 401);
    assert_eq!(request.bearer_auth("another").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_payment_whose_answer_is_lost_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, id) = (Bench::start(directory.path()).await, Uuid::new_v4());
    let mut lost = std::pin::pin!(bench.submit(id, "5105105105105100", 4_200));
    let found = async {
        loop {
            let read = bench.read(id).await;
            if read.status() == 200 {
                return read.text().await.unwrap();
            }
        }
    };
    tokio::select! {
        _ = &mut lost => panic!("an answer came"),
        found = found => assert!(found.starts_with("status=approved&")),
    }
}
