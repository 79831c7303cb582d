//! Where a connection is ended whose line can still send, the server learns of it at once, as its client does.

use crate::lab::{Router, event, judged, lab, say, start_with, wait_until};
use flowpin::lab::topology::{INSIDE4, SERVER4};
use flowpin::lab::{Lab, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const PORT: u16 = 8080;
const PATIENCE: Duration = Duration::from_secs(8);

/// flowpin, by whose fiber every connection goes, and ends when that is drained.
fn strict(lab: &Lab) -> Router<'_> {
    let config = judged(lab, "on_soft_down = \"reset\"").replace("name = \"dsl\"\n", "name = \"dsl\"\ntier = 2\n");
    let router = start_with(lab, &config);
    wait_until("the fiber is up", || router.status().wans[0].state == "up");
    router
}

/// A connection to a server: both its ends.
fn connected(lab: &Lab) -> (TcpStream, TcpStream) {
    let listener = lab.inet.run(|| TcpListener::bind((SERVER4, PORT))).flatten().expect("the port is free");
    let client = lab.fw.run(|| TcpStream::connect((SERVER4, PORT))).flatten().expect("a connection");
    let (server, _) = listener.accept().expect("the connection");
    client.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    server.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    assert!(INSIDE4.iter().any(|inside| client.local_addr().unwrap().ip() == *inside));
    (client, server)
}

fn drain(lab: &Lab) {
    assert!(say(lab, &["wan", "fiber", "drain"]).0);
}

/// How the stream ends.
fn end(stream: &mut TcpStream) -> ErrorKind {
    let mut block = [0; 65_536];
    std::iter::repeat_with(|| stream.read(&mut block)).find_map(Result::err).expect("it never ends well").kind()
}

#[test]
fn both_ends_of_a_silent_connection_are_reset() {
    let lab = lab(Options::default());
    let router = strict(&lab);
    let (mut client, mut server) = connected(&lab);
    client.write_all(b"hello").expect("it leaves");
    server.read_exact(&mut [0; 5]).expect("it arrives");
    drain(&lab);
    assert_eq!([end(&mut client), end(&mut server)], [ErrorKind::ConnectionReset; 2]);
    assert_eq!(event(&router, "reset"), 1);
    assert!(event(&router, "remote-reset") >= 2, "asked for its number, and told");
    router.end_with_losses();
}

#[test]
fn a_server_in_the_midst_of_an_upload_is_reset() {
    let lab = lab(Options::default());
    let router = strict(&lab);
    let (mut client, mut server) = connected(&lab);
    let upload = std::thread::spawn(move || {
        let block = [b'.'; 16_384];
        std::iter::repeat_with(|| client.write_all(&block)).find_map(Result::err).expect("it never ends well").kind()
    });
    server.read_exact(&mut vec![0; 1_000_000]).expect("it flows");
    drain(&lab);
    assert_eq!(end(&mut server), ErrorKind::ConnectionReset);
    let end = upload.join().expect("no panic");
    assert!(matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end:?}");
    router.end_with_losses();
}
