//! Somebody at a terminal far away: a key every so often, whose echo must come before the next one is struck.
//! Must never know: lines, except which one it is to take.

use super::{Tally, hello};
use crate::clock::{Clock, pause};
use crate::lab::Lab;
use crate::lab::topology::{Line, SERVER4};
use std::io::{self, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: usize = 64;
/// From an echo to the next key.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of a key: what ssh makes of one.
const KEY: usize = 36;

/// What has become of a session.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Typed {
    /// Keys whose echo came.
    pub keys: u64,
    /// Milliseconds that the slowest echo took.
    pub slowest: f64,
    /// Why it broke.
    pub broken: Option<String>,
}

/// A session. Ends when it is dropped.
pub struct Session {
    typed: Arc<Mutex<Typed>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Session {
    /// Begins a session that takes this line; `tally` is that of the servers.
    ///
    /// # Errors
    /// The echo server does not answer, or none of many connections takes that line.
    pub fn start(lab: &Lab, tally: &Tally, line: Line) -> io::Result<Self> {
        let pace = lab.options().pace;
        let by_the_line = || -> io::Result<Option<TcpStream>> {
            let stream = lab.fw.run(|| log_in(pace)).flatten()?;
            Ok((tally.line_of(stream.local_addr()?).as_deref() == Some(line.name())).then_some(stream))
        };
        let none = || Err(Error::other(format!("none of {TRIES} sessions takes the line {}", line.name())));
        let stream = (0..TRIES).find_map(|_| by_the_line().transpose()).unwrap_or_else(none)?;
        let (typed, over) = (Arc::<Mutex<Typed>>::default(), Arc::new(AtomicBool::new(false)));
        let (notes, end) = (Arc::clone(&typed), Arc::clone(&over));
        let thread = lab.fw.thread("session", move || go_on(stream, pace, &notes, &end))?;
        Ok(Self { typed, over, thread: Some(thread) })
    }

    /// What has become of it so far.
    #[must_use]
    pub fn typed(&self) -> Typed {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn log_in(pace: u32) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(SERVER4.into(), super::echo::ECHO), PATIENCE * pace)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE * pace))?;
    let greeting = hello::write(stream.local_addr()?);
    stream.write_all(&greeting)?;
    let mut back = [0; hello::LENGTH];
    stream.read_exact(&mut back)?;
    Ok(stream)
}

/// On a thread in the typist's namespace.
fn go_on(mut stream: TcpStream, pace: u32, typed: &Mutex<Typed>, over: &AtomicBool) {
    let mut number = 0u8;
    while !over.load(Ordering::Relaxed) {
        number = number.wrapping_add(1);
        let clock = Clock::start();
        let end = strike(&mut stream, number);
        let took = clock.now().0 as f64 / 1e6;
        let mut typed = typed.lock().unwrap_or_else(PoisonError::into_inner);
        match end {
            Ok(()) => (typed.keys, typed.slowest) = (typed.keys + 1, typed.slowest.max(took)),
            Err(error) => {
                typed.broken = Some(error.to_string());
                return;
            }
        }
        drop(typed);
        pause(PAUSE * pace);
    }
}

fn strike(stream: &mut TcpStream, number: u8) -> io::Result<()> {
    let key = [number; KEY];
    stream.write_all(&key)?;
    let mut back = [0; KEY];
    stream.read_exact(&mut back)?;
    if back == key { Ok(()) } else { Err(Error::other("another key came back")) }
}
