//! ISP a of the lab as a provider whose lines are configured by DHCP: real servers of both families, which give an address
//! and delegate a prefix, and router advertisements. Must never know: any single claim, the client.

use super::{Daemon, run};
use flowpin::lab::Lab;
use std::fs;
use std::path::{Path, PathBuf};

/// What the provider gives its customer.
#[derive(Clone, Copy)]
pub struct Offer {
    /// IPv4 address.
    pub address: &'static str,
    /// IPv6 prefix of 60 bits.
    pub prefix: &'static str,
}

/// The servers.
pub struct Provider {
    directory: PathBuf,
    dhcp4: Option<Daemon>,
    dhcp6: Daemon,
    _advertiser: Daemon,
}

impl Provider {
    /// Starts the servers on the customer's link.
    pub fn start(lab: &Lab, offer: Offer) -> Self {
        let directory = lab.directory().join("provider");
        fs::create_dir(&directory).expect("a directory");
        // Every prefix that may be delegated is behind the customer's router.
        run(&lab.ispa, "ip", &["route", "add", "2001:db8:a:1000::/52", "via", "fe80::a2", "dev", "customer"]);
        run(&lab.ispa, "ip", &["route", "add", "2001:db8:a:2000::/52", "via", "fe80::a2", "dev", "customer"]);
        write(&directory, offer);
        let at = directory.display();
        // Their files are looked for in these directories, whatever the configuration says.
        let kea = format!(
            "export KEA_PIDFILE_DIR={at} KEA_LOCKFILE_DIR={at} KEA_LOGGER_DESTINATION=stdout
             exec kea-dhcp6 -c {at}/kea-dhcp6.json"
        );
        fs::write(directory.join("radvd.conf"), RADVD).expect("a file");
        let radvd = format!("exec radvd -n -m stderr -C {at}/radvd.conf -p {at}/radvd.pid");
        Self {
            dhcp4: Some(dhcp4(lab, &directory, offer)),
            dhcp6: Daemon::start(&lab.ispa, &directory, "kea-dhcp6", &kea),
            _advertiser: Daemon::start(&lab.ispa, &directory, "radvd", &radvd),
            directory,
        }
    }

    /// From now on it gives something else; the client learns it when it renews.
    pub fn renumber(&mut self, lab: &Lab, offer: Offer) {
        write(&self.directory, offer);
        self.dhcp6.reload();
        // The old one has to be gone before the next can have its port.
        drop(self.dhcp4.take());
        self.dhcp4 = Some(dhcp4(lab, &self.directory, offer));
    }
}

/// A server that gives this address, and refuses every other one: by broadcast, which dhcpcd hears when it rebinds.
fn dhcp4(lab: &Lab, directory: &Path, offer: Offer) -> Daemon {
    let Offer { address, .. } = offer;
    let script = format!(
        "exec dnsmasq --no-daemon --conf-file=/dev/null --user=root --port=0 --interface=customer --bind-interfaces \
         --dhcp-authoritative --dhcp-range={address},{address},255.255.255.248,2m --dhcp-option=3,192.0.2.198 \
         --dhcp-option-force=58,3 --dhcp-option-force=59,5 --dhcp-leasefile={}/leases --no-ping --log-dhcp",
        directory.display()
    );
    Daemon::start(&lab.ispa, directory, "dnsmasq", &script)
}

/// Every three seconds; the gateway is forgotten when it is silent for nine.
const RADVD: &str =
    "interface customer { AdvSendAdvert on; AdvManagedFlag on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; };";

fn write(directory: &Path, offer: Offer) {
    let (prefix, at) = (offer.prefix, directory.display());
    let log = r#""loggers":[{"name":"kea-dhcp6","severity":"INFO","output_options":[{"output":"stdout"}]}]"#;
    // The server stays the same one when it reads its configuration again.
    let identity = r#""server-id":{"type":"EN","enterprise-id":32473,"identifier":"01","persist":false}"#;
    let dhcp6 = format!(
        r#"{{"Dhcp6":{{"data-directory":"{at}",{identity},"interfaces-config":{{"interfaces":["customer"]}},
        "lease-database":{{"type":"memfile","persist":false}},
        "preferred-lifetime":40,"valid-lifetime":60,"renew-timer":3,"rebind-timer":30,
        "subnet6":[{{"interface":"customer","subnet":"2001:db8:a:1::/64",
        "pools":[{{"pool":"2001:db8:a:1::100 - 2001:db8:a:1::110"}}],
        "pd-pools":[{{"prefix":"{prefix}","prefix-len":60,"delegated-len":60}}]}}],{log}}}}}"#
    );
    fs::write(directory.join("kea-dhcp6.json"), dhcp6).expect("a file");
}
