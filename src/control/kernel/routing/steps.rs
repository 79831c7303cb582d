//! The steps from the rules and routes that are there to those that must be there, and their taking.
//! Must never know: why.

use super::entry::Rule;
use crate::control::netlink::{Family, Netlink, Route, kind, sentence};
use std::io;

/// The steps from what is there to what must be there.
#[derive(Default, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) struct Changes {
    pub(super) delete_rules: Vec<(Family, Rule)>,
    pub(super) delete_routes: Vec<Route>,
    pub(super) add_routes: Vec<Route>,
    pub(super) add_rules: Vec<(Family, Rule)>,
}

impl Changes {
    /// What there is to do, in words: what is missing, and what is in the way.
    pub fn words(&self) -> Vec<String> {
        let missing =
            self.add_rules.iter().map(|(family, rule)| format!("the {family} policy rule {rule} was missing"));
        let missing = missing.chain(self.add_routes.iter().map(|route| format!("the route {route} was missing")));
        let stale =
            self.delete_rules.iter().map(|(family, rule)| format!("the {family} policy rule {rule} was in the way"));
        let stale = stale.chain(self.delete_routes.iter().map(|route| format!("the route {route} was in the way")));
        missing.chain(stale).collect()
    }

    /// How many rules and routes go.
    pub fn deletes(&self) -> (usize, usize) {
        (self.delete_rules.len(), self.delete_routes.len())
    }

    /// Takes the steps; deletes first, rules last, so that no packet meets a rule without its routes.
    pub async fn make(&self, netlink: &Netlink) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for (family, rule) in &self.delete_rules {
            let message = rule.message(*family);
            report(netlink.handle.rule().del(message).execute().await, true, &mut faults, || {
                format!("delete the policy rule {rule}")
            });
        }
        for route in &self.delete_routes {
            let message = route.message();
            report(netlink.handle.route().del(message).execute().await, true, &mut faults, || {
                format!("delete the route {route}")
            });
        }
        for route in &self.add_routes {
            let message = route.message();
            report(netlink.handle.route().add(message).execute().await, false, &mut faults, || {
                format!("add the route {route}")
            });
        }
        for (family, rule) in &self.add_rules {
            let mut request = netlink.handle.rule().add();
            *request.message_mut() = rule.message(*family);
            report(request.execute().await, false, &mut faults, || format!("add the policy rule {rule}"));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

fn report(done: Result<(), rtnetlink::Error>, gone_is_fine: bool, faults: &mut Vec<String>, what: impl Fn() -> String) {
    if let Err(error) = done
        && !(gone_is_fine && is_gone(&error))
    {
        faults.push(format!("cannot {}: {}", what(), sentence(&error)));
    }
}

/// ENOENT, ESRCH and ENODEV: what was to be deleted is not there.
fn is_gone(error: &rtnetlink::Error) -> bool {
    let rtnetlink::Error::NetlinkError(message) = error else { return false };
    kind(error) == Some(io::ErrorKind::NotFound)
        || [libc::ESRCH, libc::ENODEV].map(Some).contains(&message.to_io().raw_os_error())
}
