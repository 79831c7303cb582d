//! Probes that take more than a connection for an answer, against the servers that people run: a portal or a resolver that
//! answers with something is none of them.

use crate::lab::{Daemon, Router, lab, run, start_with, wait_until};
use flowpin::lab::topology::SERVER4;
use flowpin::lab::{Lab, Options};

/// Servers of the Internet host: TLS of both versions, one that takes connections and says nothing, a clock that is set and
/// one that is not, and a resolver.
fn servers(lab: &Lab) -> Vec<Daemon> {
    let directory = lab.directory();
    run(
        &lab.inet,
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=example.com",
            "-keyout",
            &format!("{}/key.pem", directory.display()),
            "-out",
            &format!("{}/cert.pem", directory.display()),
        ],
    );
    let tls = |port: u16, version: &str| {
        format!(
            "exec openssl s_server -accept {port} -cert cert.pem -key key.pem {version} -quiet </dev/zero >/dev/null"
        )
    };
    let time = |address: &str, said: &str| {
        let name = format!("chrony-{address}");
        let conf = format!(
            "{said}\nallow\nport 123\nbindaddress {address}\ncmdport 0\nbindcmdaddress /\npidfile {name}.pid\n"
        );
        std::fs::write(directory.join(format!("{name}.conf")), conf).expect("a file");
        format!("exec chronyd -x -d -u root -f $PWD/{name}.conf")
    };
    run(&lab.inet, "ip", &["address", "add", "203.0.113.11/32", "dev", "lo"]);
    let resolver = "exec dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --local=/example/ --user=root --listen-address=203.0.113.10 \
         --bind-interfaces --host-record=example.com,192.0.2.1 --cname=alias.example,example.com --host-record=six.example,2001:db8::1";
    let scripts = [
        ("tls13", tls(443, "-tls1_3")),
        ("tls12", tls(444, "-tls1_2")),
        ("silent", "exec nc -l -k 445 >/dev/null".to_owned()),
        ("set", time("203.0.113.10", "local stratum 8")),
        ("unset", time("203.0.113.11", "")),
        ("resolver", resolver.to_owned()),
    ];
    scripts.iter().map(|(name, script)| Daemon::start(&lab.inet, directory, name, script)).collect()
}

/// What the probes of the fiber said last, by name.
fn last(router: &Router<'_>, probe: usize) -> String {
    let wan = router.status().wans.remove(0);
    let v4 = wan.health.into_iter().find(|it| it.family == "ipv4").expect("IPv4");
    v4.probes.get(probe).and_then(|probe| probe.last.clone()).unwrap_or_default()
}

#[test]
fn only_servers_that_greet_clocks_that_are_set_and_records_of_the_type_pass() {
    let lab = lab(Options::default());
    let _servers = servers(&lab);
    let cases = [
        (format!("{{ tls = \"{SERVER4}:443\", name = \"example.com\" }}"), "passed"),
        (format!("{{ tls = \"{SERVER4}:444\" }}"), "passed"),
        (format!("{{ tls = \"{SERVER4}:445\", name = \"example.com\" }}"), "no answer"),
        (format!("{{ ntp = \"{SERVER4}\" }}"), "passed"),
        ("{ ntp = \"203.0.113.11\" }".to_owned(), "a clock that is not set"),
        (format!("{{ dns = \"{SERVER4}\", name = \"example.com\", type = \"A\" }}"), "passed"),
        (format!("{{ dns = \"{SERVER4}\", name = \"six.example\", type = \"AAAA\" }}"), "passed"),
        (format!("{{ dns = \"{SERVER4}\", name = \"six.example\", type = \"A\" }}"), "DNS answer without a record"),
    ];
    let probes: Vec<_> = cases.iter().map(|(probe, _)| probe.as_str()).collect();
    let health = format!("[wan.health]\nprobes = [\n{}\n]\n[wan.nat44]", probes.join(",\n"));
    let router = start_with(&lab, &lab.config().replacen("[wan.nat44]", &health, 1));
    for (place, (probe, wanted)) in cases.iter().enumerate() {
        wait_until(&format!("{probe} is {wanted}"), || last(&router, place) == *wanted);
    }
    router.end(&[]);
}
