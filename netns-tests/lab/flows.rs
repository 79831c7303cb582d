//! Flows through a lab that a claim follows: on the WAN that it needs, and as flowpin and the server see them.
//! Must never know: any single claim.

use super::{Router, visitor};
use flowpin::api::Flow;
use flowpin::lab::Lab;
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4, SERVER4};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(8);
const WEB: u16 = 80;

/// A connection from inside to a port of the server.
fn connect(lab: &Lab, port: u16) -> std::io::Result<TcpStream> {
    connect_to(lab, SocketAddr::new(SERVER4.into(), port))
}

/// A connection from inside to any server.
///
/// # Errors
/// It is refused, or nobody answers in time.
pub fn connect_to(lab: &Lab, to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = lab.fw.run(|| TcpStream::connect_timeout(&to, PATIENCE)).flatten()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The flow of an inside port.
pub fn flow(router: &Router<'_>, protocol: &str, port: u16) -> Flow {
    let flows = router.flows(&format!("protocol={protocol}&port={port}"));
    flows.into_iter().find(|flow| flow.inside_port == port).expect("the flow")
}

/// A connection from inside that goes by this WAN: one port in two does.
pub fn connected(lab: &Lab, router: &Router<'_>, port: u16, wan: &str) -> TcpStream {
    let tries = (0..64).map(|_| connect(lab, port).expect("a connection"));
    let by = |stream: &TcpStream| flow(router, "tcp", stream.local_addr().unwrap().port()).wan == wan;
    tries.into_iter().find(by).expect("a port for the WAN")
}

/// A UDP socket of the first identity whose flow to the server's port goes by this WAN.
pub fn socket(lab: &Lab, router: &Router<'_>, port: u16, wan: &str) -> UdpSocket {
    let open = || -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind((INSIDE4[0], 0))?;
        socket.connect((SERVER4, port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send(b"hello")?;
        let mut answer = [0; 64];
        socket.recv(&mut answer)?;
        Ok(socket)
    };
    let tries = (0..64).map(|_| lab.fw.run(open).flatten().expect("an answer"));
    let by = |socket: &UdpSocket| flow(router, "udp", socket.local_addr().unwrap().port()).wan == wan;
    tries.into_iter().find(by).expect("a port for the WAN")
}

/// Who the web server sees.
pub fn seen(lab: &Lab) -> IpAddr {
    let mut stream = connect(lab, WEB).expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("the request leaves");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the answer comes");
    visitor(text.lines().last().expect("a body"))
}

/// Twenty new flows all go by the DSL.
pub fn all_by_dsl(lab: &Lab) {
    (0..20).for_each(|_| assert_eq!(seen(lab), IpAddr::from(DSL4[0])));
}

/// New flows are shared: one of 64 goes by the fiber.
pub fn shared_again(lab: &Lab) {
    assert!((0..64).any(|_| seen(lab) == IpAddr::from(FIBER4[0])), "no flow of 64 goes by fiber");
}

/// A question to an echo server, and its answer.
pub fn goes_on(stream: &mut TcpStream) {
    stream.write_all(&[b'.'; 200]).expect("it leaves");
    stream.read_exact(&mut [0; 200]).expect("it comes back");
}
