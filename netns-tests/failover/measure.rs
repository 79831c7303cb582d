//! How long a stream of datagrams is silent at its receiver when its line is cut: published, not judged.

use super::{carry, event, mend, prompt, socket};
use crate::lab::{lab, wait_until};
use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::{FIBER4, SERVER4};
use flowpin::lab::{Lab, Options};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PORT: u16 = 5001;
/// Cuts, unless `FLOWPIN_CUTS` says how many.
const CUTS: usize = 3;

/// What came: when, in nanoseconds, and from which public address.
type Arrivals = Arc<Mutex<Vec<(u64, IpAddr)>>>;

/// Answers each datagram and notes it. Ends with the test's process.
fn sink(lab: &Lab) -> Arrivals {
    let socket = lab.inet.run(|| UdpSocket::bind((SERVER4, PORT))).flatten().expect("a free port");
    let arrivals = Arrivals::default();
    let notes = Arc::clone(&arrivals);
    std::thread::spawn(move || {
        let clock = Clock::start();
        let mut datagram = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            notes.lock().expect("nobody panics with it").push((clock.now().0, from.ip()));
            let _ = socket.send_to(&datagram[..length], from);
        }
    });
    arrivals
}

#[test]
fn a_stream_is_silent_for_a_moment_when_its_line_is_cut() {
    let cuts = std::env::var("FLOWPIN_CUTS").map_or(CUTS, |text| text.parse().expect("a number"));
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let arrivals = sink(&lab);
    let mut gaps: Vec<f64> = Vec::new();
    for cut in 1..=cuts {
        let stream = socket(&lab, &router, PORT, "fiber");
        arrivals.lock().unwrap().clear();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _ = stream.send(b"tick");
                    pause(Duration::from_millis(1));
                }
            });
            pause(Duration::from_millis(200));
            carry(&lab, "fiber", false);
            wait_until("the stream goes on", || event(&router, "moved") == cut as u64);
            pause(Duration::from_millis(100));
            over.store(true, Ordering::Relaxed);
        });
        let came = arrivals.lock().unwrap().clone();
        let first = came.iter().position(|(_, from)| *from != IpAddr::from(FIBER4[0])).expect("it has moved");
        gaps.push((came[first].0 - came[first - 1].0) as f64 / 1e6);
        mend(&lab, &router, "fiber");
    }
    gaps.sort_by(f64::total_cmp);
    println!(
        "{cuts} cuts: silent for {:.1} ms at least, {:.1} in the median, {:.1} at most",
        gaps[0],
        gaps[cuts / 2],
        gaps[cuts - 1]
    );
    router.end_with_losses();
}
