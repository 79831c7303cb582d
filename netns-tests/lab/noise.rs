//! What else goes on in a machine: links, addresses, routes, neighbours and rules of others that come and go all the time in the
//! router's namespace, a link with default routes of its own, worse than the lines', among them. Must never know: any single claim.

use super::daemon::Daemon;
use flowpin::clock::pause;
use flowpin::lab::Lab;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Goes on until it is dropped.
pub struct Noise {
    maker: Daemon,
    directory: PathBuf,
}

/// What comes and goes in a round, beside addresses.
const COMES: &str = "link add noise0 type veth peer name noise1
link property add dev noise0 altname noise-of-others
link set noise0 up
link set noise1 up
neigh add 172.31.9.7 lladdr 02:00:00:00:31:07 dev noise0
neigh add fe80::3107 lladdr 02:00:00:00:31:07 dev noise0
route add 10.77.0.0/16 dev noise0
route add 10.78.0.0/16 via 172.31.9.7 dev noise0 onlink
route add default via 172.31.9.7 dev noise0 onlink metric 4047
route add 172.31.0.0/16 dev noise0 table 931
route add 2001:db8:9977::/48 via fe80::3107 dev noise0
route add default via fe80::3107 dev noise0 metric 4047
rule add from 172.31.9.0/24 lookup 931 priority 30931
";
const GOES: &str = "rule del from 172.31.9.0/24 lookup 931 priority 30931
link set noise0 mtu 1400
link set noise1 down
link set noise1 up
neigh del 172.31.9.7 dev noise0
route del 10.77.0.0/16
link del noise0
";
/// Addresses that other hosts can send to.
const ADDRESSES: &str = "address add 172.31.9.1/24 dev noise0
address add 2001:db8:9931::1/64 dev noise0 nodad
";

/// Addresses that come and go in a round.
pub const ADDRESSES_IN_A_ROUND: u64 = 2;

impl Noise {
    /// Begins; the first round is over. Addresses come and go only if they are wanted.
    pub fn begin(lab: &Lab, with_addresses: bool) -> Self {
        let directory = lab.directory().join("noise");
        fs::create_dir_all(&directory).expect("a directory");
        let comes = if with_addresses { [COMES, ADDRESSES].concat() } else { COMES.to_owned() };
        fs::write(directory.join("comes"), comes).expect("a file");
        fs::write(directory.join("goes"), GOES).expect("a file");
        let _ = ["rounds", "stop", "ended"].map(|name| fs::remove_file(directory.join(name)));
        let script = "while [ ! -e stop ]; do ip -force -batch comes || echo >> failed; ip -force -batch goes || echo >> failed; \
                      printf . >> rounds; sleep 0.05; done; echo >> ended";
        let noise = Self { maker: Daemon::start(&lab.rt, &directory, "noise", script), directory };
        (0..600).take_while(|_| noise.rounds() == 0).for_each(|_| pause(Duration::from_millis(50)));
        assert!(noise.rounds() > 0, "there is no noise: {}", noise.maker.log());
        assert!(!noise.directory.join("failed").exists(), "{}", noise.maker.log());
        noise
    }

    /// Rounds that are over.
    pub fn rounds(&self) -> u64 {
        fs::metadata(self.directory.join("rounds")).map_or(0, |file| file.len())
    }
}

impl Drop for Noise {
    /// Ends with a whole round, so that nothing is left of it.
    fn drop(&mut self) {
        let _ = fs::write(self.directory.join("stop"), "");
        for _ in 0..200 {
            if self.directory.join("ended").exists() {
                return;
            }
            pause(Duration::from_millis(50));
        }
    }
}
