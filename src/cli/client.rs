//! Asks the running service over its control socket: HTTP/1.1, one request per connection.
//! Must never know: what the answers mean.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// The longest answer taken, in bytes: above the largest page of flows.
const MAX_ANSWER: usize = 32 << 20;

/// The service answers from memory; silence means that it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The JSON that the service answers to `GET target`.
///
/// # Errors
/// One sentence for the operator.
pub fn get(socket: &Path, target: &str) -> Result<Bytes, String> {
    exchange(socket, Request::get(target).body(Full::default()))
}

/// The JSON that the service answers to `POST target` with a message of `api`.
///
/// # Errors
/// One sentence for the operator.
pub fn post(socket: &Path, target: &str, message: &impl Serialize) -> Result<Bytes, String> {
    let body = serde_json::to_vec(message).map_err(|error| format!("cannot write the request: {error}"))?;
    let request = Request::post(target).header(header::CONTENT_TYPE, "application/json");
    exchange(socket, request.body(Full::from(body)))
}

fn exchange(socket: &Path, request: Result<Request<Full<Bytes>>, hyper::http::Error>) -> Result<Bytes, String> {
    let mut request = request.map_err(|error| format!("cannot ask: {error}"))?;
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("flowpin"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start an event loop: {error}"))?;
    runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, ask(socket, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("flowpin at {} does not answer: look at its log", socket.display())),
        }
    })
}

/// `text` as it may stand in a query: everything but RFC 3986's unreserved characters escaped.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(octet)),
            _ => escaped.push_str(&format!("%{octet:02X}")),
        }
    }
    escaped
}

async fn ask(socket: &Path, request: Request<Full<Bytes>>) -> Result<Bytes, String> {
    let stream = UnixStream::connect(socket).await.map_err(|error| no_connection(socket, &error))?;
    let broken =
        |what: &dyn std::fmt::Display| format!("the answer of flowpin at {} broke off: {what}", socket.display());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| broken(&error))?;
        judge(status, body.to_bytes())
    };
    let driver = async {
        // A broken connection shows in the exchange as well.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = exchange => answer,
        () = driver => Err(broken(&"the connection closed")),
    }
}

/// The body of a good answer; the service's own sentence of a bad one.
fn judge(status: StatusCode, body: Bytes) -> Result<Bytes, String> {
    if status.is_success() {
        return Ok(body);
    }
    let told = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let sentence = told.as_ref().and_then(|value| value.get("error")).and_then(serde_json::Value::as_str);
    Err(sentence.map_or_else(|| format!("flowpin answered {status}"), str::to_owned))
}

fn no_connection(socket: &Path, error: &io::Error) -> String {
    let socket = socket.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            format!("no flowpin answers at {socket}: is it running? start it with `flowpin run --config FILE`")
        }
        ErrorKind::PermissionDenied => format!(
            "you may not use {socket}: run this as root, or join the group that `group` in [control] of the \
             configuration names"
        ),
        _ => format!("cannot reach flowpin at {socket}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_query_can_be_taken_for_its_syntax() {
        assert_eq!(escape("fiber-1.a_b~"), "fiber-1.a_b~");
        assert_eq!(escape("a&b=c d%é"), "a%26b%3Dc%20d%25%C3%A9");
    }

    #[test]
    fn a_missing_service_is_one_sentence_with_what_to_do() {
        let answer = get(Path::new("/nonexistent/control.sock"), "/v1/status");
        let expected = "no flowpin answers at /nonexistent/control.sock: is it running? start it with `flowpin run \
                        --config FILE`";
        assert_eq!(answer.unwrap_err(), expected);
    }

    #[test]
    fn a_refusal_is_told_in_the_services_own_words() {
        let refused = judge(StatusCode::BAD_REQUEST, Bytes::from_static(br#"{"error":"no WAN is named x"}"#));
        assert_eq!(refused.unwrap_err(), "no WAN is named x");
        assert_eq!(judge(StatusCode::NOT_FOUND, Bytes::new()).unwrap_err(), "flowpin answered 404 Not Found");
    }
}
