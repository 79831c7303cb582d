//! Connections to the control socket: how many there are at once, and how long one may take. A client that says nothing,
//! or does not read its answer to the end, is closed. Must never know: what is asked and answered.

use axum::serve::Listener;
use std::future::Future;
use std::io::{self, Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at once; who comes later waits in the kernel's queue. One holds at most some 800 KiB of what it has asked
/// and not yet read (hyper's buffers), and a descriptor.
const MOST: usize = 32;
/// From the last byte of a question to the last of its answer, and from there to the next question.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing is accepted after that has failed, as it does where descriptors are short.
const REST: Duration = Duration::from_secs(1);

/// A listener with its bounds.
#[derive(Debug)]
pub struct Connections {
    listener: UnixListener,
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Connections {
    /// The bounds of the running service.
    #[must_use]
    pub fn new(listener: UnixListener) -> Self {
        Self::bounded(listener, MOST, PATIENCE)
    }

    /// Bounds of one's own.
    #[must_use]
    pub fn bounded(listener: UnixListener, most: usize, patience: Duration) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(most)), patience }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            match self.listener.accept().await {
                Ok((stream, address)) => return (Connection::new(stream, place, self.patience), address),
                Err(error) => {
                    tracing::warn!("the control socket cannot accept: {error}");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends with an error where its client takes too long.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    deadline: Pin<Box<Sleep>>,
    patience: Duration,
    /// Given back when the connection is closed.
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: UnixStream, place: Option<OwnedSemaphorePermit>, patience: Duration) -> Self {
        Self { stream, deadline: Box::pin(tokio::time::sleep(patience)), patience, _place: place }
    }

    /// Whatever waits for the client waits until the deadline.
    fn until_deadline<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_pending() && self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client took too long")));
        }
        done
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if done.is_ready() {
            let patience = self.patience;
            self.deadline.set(tokio::time::sleep(patience));
        }
        self.until_deadline(cx, done)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.until_deadline(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.until_deadline(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use std::path::PathBuf;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};

    const HUGE: usize = 8 << 20;

    /// A server with bounds, whose only answer fits no buffer.
    async fn server(name: &str, most: usize, patience: Duration) -> PathBuf {
        let path = std::env::temp_dir().join(format!("flowpin-connections-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let connections = Connections::bounded(UnixListener::bind(&path).unwrap(), most, patience);
        let router = Router::new().route("/", get(|| async { vec![b'x'; HUGE] }));
        tokio::spawn(async { axum::serve(connections, router).await });
        path
    }

    async fn ask(path: &PathBuf) -> UnixStream {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n").await.unwrap();
        stream
    }

    /// What is read until the other end closes.
    async fn rest(mut stream: UnixStream) -> usize {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all.len()
    }

    #[tokio::test]
    async fn who_does_not_read_or_ask_is_cut_off_and_who_reads_has_it_all() {
        let path = server("late", 2, Duration::from_millis(100)).await;
        let stuck = ask(&path).await;
        let silent = UnixStream::connect(&path).await.unwrap();
        assert_eq!(rest(silent).await, 0, "closed, though nothing was asked");
        // This one has the place of one of the others, and does not read either.
        assert!(rest(late(ask(&path).await).await).await < HUGE);
        assert!(rest(late(stuck).await).await < HUGE, "what is left is in the kernel's buffer");
        std::fs::remove_file(path).unwrap();

        let path = server("whole", 1, Duration::from_secs(60)).await;
        assert!(rest(ask(&path).await).await > HUGE);
        std::fs::remove_file(path).unwrap();
    }

    /// Waits until the other end has closed, and reads nothing.
    async fn late(stream: UnixStream) -> UnixStream {
        while !stream.ready(Interest::READABLE).await.unwrap().is_read_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stream
    }

    #[tokio::test]
    async fn who_is_one_too_many_waits_for_a_place() {
        let path = server("places", 1, Duration::from_secs(60)).await;
        let first = ask(&path).await;
        let mut second = ask(&path).await;
        let answered = tokio::time::timeout(Duration::from_millis(100), second.read(&mut [0])).await;
        assert!(answered.is_err(), "there is one place");
        drop(first);
        assert_eq!(second.read(&mut [0; 8]).await.unwrap(), 8);
        std::fs::remove_file(path).unwrap();
    }
}
