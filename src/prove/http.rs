//! Just enough HTTP to ask a gateway on loopback: one request a connection, a bounded answer.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long a request may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest answer.
const MOST_BYTES: u64 = 64 << 20;
const HEADERS: usize = 32;

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Everything that came, head included.
    pub(crate) bytes: Vec<u8>,
    body: usize,
}

impl Reply {
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap_or(Value::Null)
    }
}

/// What is asked.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    header: Option<String>,
    kind: &'static str,
    body: String,
}

/// Asks, and reads the whole answer.
pub(crate) async fn ask(
    server: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> io::Result<Reply> {
    let header = token.map(|token| format!("Authorization: Bearer {token}"));
    let body = body.map(Value::to_string).unwrap_or_default();
    exchange(server, Request { method, path, header, kind: "application/json", body }).await
}

/// Posts a form that is encoded already, with one more header, by its name and value.
pub(crate) async fn post_form(
    server: SocketAddr,
    path: &str,
    (name, value): (&str, &str),
    form: String,
) -> io::Result<Reply> {
    let header = Some(format!("{name}: {value}"));
    let kind = "application/x-www-form-urlencoded";
    exchange(server, Request { method: "POST", path, header, kind, body: form }).await
}

async fn exchange(server: SocketAddr, request: Request<'_>) -> io::Result<Reply> {
    let path = request.path;
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("{path} was not answered in time"));
    timeout(DEADLINE, send(server, &request)).await.map_err(late)?
}

async fn send(server: SocketAddr, request: &Request<'_>) -> io::Result<Reply> {
    let Request { method, path, header, kind, body } = request;
    let header = header.as_ref().map(|header| format!("{header}\r\n")).unwrap_or_default();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\n{header}Connection: close\r\n\
         Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 == MOST_BYTES {
        return Err(io::Error::other(format!("the answer has more than {MOST_BYTES} bytes")));
    }
    let (status, body) = head(&bytes)?;
    let chunked = bytes[..body].to_ascii_lowercase().windows(26).any(|window| window == b"transfer-encoding: chunked");
    if chunked {
        let joined = join_chunks(&bytes[body..]);
        bytes.truncate(body);
        bytes.extend(joined);
    }
    Ok(Reply { status, bytes, body })
}

/// The status, and where the body begins.
fn head(bytes: &[u8]) -> io::Result<(u16, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Ok((response.code.unwrap_or_default(), length)),
        Ok(httparse::Status::Partial) | Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "no answer in HTTP")),
    }
}

/// A body in chunks (RFC 9112 §7.1), as far as it goes.
fn join_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(rest) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(chunk) = rest.get(start..).and_then(|rest| rest.get(..length)).filter(|_| length > 0) else { break };
        body.extend(chunk);
        rest = rest.get(start + length + 2..).unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_a_cut_body_goes_as_far_as_it_is() {
        assert_eq!(join_chunks(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
        assert_eq!(join_chunks(b"3\r\nabc\r\nff\r\nd"), b"abc");
    }
}
