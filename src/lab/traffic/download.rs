//! A download that never ends, at a walking pace, by somebody who dials again as soon as it breaks.
//! Must never know: what breaks it.

use crate::clock::{Clock, pause};
use crate::lab::Lab;
use crate::lab::topology::{Line, SERVER4};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const WEB: u16 = 80;
const REQUEST: &[u8] = b"GET /1073741824 HTTP/1.1\r\nHost: server\r\n\r\n";
/// How long a dial, or the next byte, may take.
const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: usize = 64;
/// Bytes that may wait to be read: a reset is noticed only behind them. The kernel takes twice as many.
const WAITING: usize = 8192;

/// A break, and what came of it. Times are milliseconds of the clock that the download was given.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Break {
    /// When the connection ended.
    pub at: f64,
    /// How.
    pub how: ErrorKind,
    /// When the first byte came over another connection, and the public address of that.
    pub again: Option<(f64, IpAddr)>,
}

/// Somebody who downloads. Ends when it is dropped.
pub struct Download {
    breaks: Arc<Mutex<Vec<Break>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Download {
    /// Begins a download that takes this line.
    ///
    /// # Errors
    /// The web server does not answer, or none of many connections takes that line.
    pub fn start(lab: &Lab, clock: Clock, line: Line) -> io::Result<Self> {
        let pace = lab.options().pace;
        let by_the_line = || -> io::Result<Option<TcpStream>> {
            let (stream, from) = lab.fw.run(|| dial(pace)).flatten()?;
            Ok((from == line.block4()[0]).then_some(stream))
        };
        let none = || Err(Error::other(format!("none of {TRIES} downloads takes the line {}", line.name())));
        let stream = (0..TRIES).find_map(|_| by_the_line().transpose()).unwrap_or_else(none)?;
        let (breaks, over) = (Arc::<Mutex<Vec<Break>>>::default(), Arc::new(AtomicBool::new(false)));
        let (notes, end) = (Arc::clone(&breaks), Arc::clone(&over));
        let thread = lab.fw.thread("download", move || go_on(stream, pace, clock, &notes, &end))?;
        Ok(Self { breaks, over, thread: Some(thread) })
    }

    /// Its breaks so far.
    #[must_use]
    pub fn breaks(&self) -> Vec<Break> {
        self.breaks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// On a thread in the downloader's namespace.
fn go_on(mut stream: TcpStream, pace: u32, clock: Clock, breaks: &Mutex<Vec<Break>>, over: &AtomicBool) {
    let now = || clock.now().0 as f64 / 1e6;
    let mut block = [0; WAITING];
    while !over.load(Ordering::Relaxed) {
        let how = match stream.read(&mut block) {
            Ok(0) => ErrorKind::UnexpectedEof,
            Ok(_) => {
                pause(Duration::from_millis(5) * pace);
                continue;
            }
            Err(error) => error.kind(),
        };
        let at = now();
        breaks.lock().unwrap_or_else(PoisonError::into_inner).push(Break { at, how, again: None });
        while !over.load(Ordering::Relaxed) {
            let Ok((redialled, from)) = dial(pace) else {
                pause(Duration::from_millis(10));
                continue;
            };
            stream = redialled;
            if let Some(last) = breaks.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
                last.again = Some((now(), from));
            }
            break;
        }
    }
}

/// A connection on which bytes come, and who the server takes it for.
fn dial(pace: u32) -> io::Result<(TcpStream, IpAddr)> {
    let stream = TcpStream::connect_timeout(&SocketAddr::new(SERVER4.into(), WEB), PATIENCE * pace)?;
    stream.set_read_timeout(Some(PATIENCE * pace))?;
    setsockopt(&stream, RcvBuf, &WAITING)?;
    (&stream).write_all(REQUEST)?;
    // A small buffer: nothing of the body that matters is lost with it.
    let mut reader = BufReader::with_capacity(64, &stream);
    let mut visitor = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if let Some(said) = line.strip_prefix("X-Visitor: ") {
            visitor = said.trim().parse::<SocketAddr>().ok();
        }
        if line == "\r\n" {
            break;
        }
    }
    let visitor = visitor.ok_or_else(|| Error::other("the web server does not say who visits"))?;
    Ok((stream, visitor.ip()))
}
