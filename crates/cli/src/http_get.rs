//! One GET to a worker on the local network. A client library would bring TLS, redirects and proxies, none of which
//! a worker has.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use exactly_once::core::{Code, Disposition, Error, Result};
use serde::de::DeserializeOwned;

/// Longest wait for the connection, and for each part of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// Asks `http://<address><path>` and reads the JSON of the answer.
///
/// # Errors
/// [`Code::Unreachable`]: -> `Retry` where nobody answers, -> `Reject` where somebody else does.
pub(crate) fn json<T: DeserializeOwned>(address: SocketAddr, path: &str) -> Result<T> {
    let answer = get(address, path).map_err(|error| {
        Error::new(Code::Unreachable, Disposition::Retry, format!("{address}: the worker does not answer"))
            .with_source(error)
            .with_remedy("Is the worker running, and is this the address of its `http.listen`?")
    })?;
    let strange = |what: String| {
        Error::new(Code::Unreachable, Disposition::Reject, format!("{address}: {what}"))
            .with_remedy("Is this the address of a worker's `http.listen`?")
    };
    let (head, body) = split(&answer).ok_or_else(|| strange("the answer is not HTTP".to_owned()))?;
    let status = head.split_whitespace().nth(1).unwrap_or("").to_owned();
    if !head.starts_with("HTTP/1.") || status != "200" {
        return Err(strange(format!(
            "the answer to {path} is `{}`",
            head.lines().next().unwrap_or("").trim()
        )));
    }
    serde_json::from_slice(body)
        .map_err(|error| strange("the answer is not JSON".to_owned()).with_source(error))
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Head and body of an answer.
fn split(answer: &[u8]) -> Option<(String, &[u8])> {
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at_checked(at)?;
    Some((String::from_utf8_lossy(head).into_owned(), rest.get(4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_splits_at_its_first_empty_line() {
        let (head, body) = split(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}\r\n\r\n").unwrap();
        assert_eq!((head.as_str(), body), ("HTTP/1.1 200 OK\r\nA: b", b"{}\r\n\r\n".as_slice()));
        assert!(split(b"SSH-2.0\r\n").is_none());
    }
}
