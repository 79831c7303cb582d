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
    dhcp4: Daemon,
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
        let kea = |name: &str| {
            let env = format!("KEA_PIDFILE_DIR={at} KEA_LOCKFILE_DIR={at} KEA_LOGGER_DESTINATION=stdout");
            Daemon::start(&lab.ispa, &directory, name, &format!("{env} exec {name} -c {at}/{name}.json"))
        };
        fs::write(directory.join("radvd.conf"), RADVD).expect("a file");
        let radvd = format!("exec radvd -n -m stderr -C {at}/radvd.conf -p {at}/radvd.pid");
        Self {
            dhcp4: kea("kea-dhcp4"),
            dhcp6: kea("kea-dhcp6"),
            _advertiser: Daemon::start(&lab.ispa, &directory, "radvd", &radvd),
            directory,
        }
    }

    /// From now on it gives something else; the client learns it when it renews.
    pub fn renumber(&self, offer: Offer) {
        write(&self.directory, offer);
        self.dhcp4.reload();
        self.dhcp6.reload();
    }
}

/// Every three seconds; the gateway is forgotten when it is silent for nine.
const RADVD: &str =
    "interface customer { AdvSendAdvert on; AdvManagedFlag on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; };";

fn write(directory: &Path, offer: Offer) {
    let Offer { address, prefix } = offer;
    let at = directory.display();
    let log = |name: &str| {
        format!(r#""loggers":[{{"name":"{name}","severity":"INFO","output_options":[{{"output":"stdout"}}]}}]"#)
    };
    let dhcp4 = format!(
        r#"{{"Dhcp4":{{"authoritative":true,"interfaces-config":{{"interfaces":["customer"]}},
        "lease-database":{{"type":"memfile","persist":false}},"valid-lifetime":60,"renew-timer":3,"rebind-timer":40,
        "subnet4":[{{"subnet":"192.0.2.192/29","pools":[{{"pool":"{address} - {address}"}}],
        "option-data":[{{"name":"routers","data":"192.0.2.198"}}]}}],{}}}}}"#,
        log("kea-dhcp4")
    );
    // The server stays the same one when it reads its configuration again.
    let identity = r#""server-id":{"type":"EN","enterprise-id":32473,"identifier":"01","persist":false}"#;
    let dhcp6 = format!(
        r#"{{"Dhcp6":{{"data-directory":"{at}",{identity},"interfaces-config":{{"interfaces":["customer"]}},
        "lease-database":{{"type":"memfile","persist":false}},
        "preferred-lifetime":40,"valid-lifetime":60,"renew-timer":3,"rebind-timer":30,
        "subnet6":[{{"interface":"customer","subnet":"2001:db8:a:1::/64",
        "pools":[{{"pool":"2001:db8:a:1::100 - 2001:db8:a:1::110"}}],
        "pd-pools":[{{"prefix":"{prefix}","prefix-len":60,"delegated-len":60}}]}}],{}}}}}"#,
        log("kea-dhcp6")
    );
    fs::write(directory.join("kea-dhcp4.json"), dhcp4).expect("a file");
    fs::write(directory.join("kea-dhcp6.json"), dhcp6).expect("a file");
}
