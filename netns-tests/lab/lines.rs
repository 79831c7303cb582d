//! The lines of a lab while flowpin uses them: cut, mended, waited for, judged by other rules.
//! Must never know: any single claim, what flows there are (flows.rs).

use super::{Router, run, settle, wait_until};
use flowpin::api::Wan;
use flowpin::lab::Lab;
use flowpin::lab::topology::{Line, SERVER4, SERVER6};

/// The lab's configuration, with this in `[wan.health]` of both WANs.
pub fn judged(lab: &Lab, health: &str) -> String {
    lab.config().replace("[wan.nat44]", &format!("[wan.health]\n{health}\n[wan.nat44]"))
}

/// Quick probes of the server in both families, and no long hold.
pub fn probing(lab: &Lab) -> String {
    let probes = format!("probes = [{{ icmp = \"{SERVER4}\" }}, {{ icmp = \"{SERVER6}\" }}]");
    judged(lab, &format!("{probes}\ninterval = \"50ms\"\ntimeout = \"50ms\"\nrise = 2\nhold = \"100ms\""))
}

/// Takes the carrier off a WAN's link, or gives it back, as the ISP's end of the cable does.
pub fn carry(lab: &Lab, wan: &str, carries: bool) {
    let line = if wan == "fiber" { Line::Fiber } else { Line::Dsl };
    let done = if carries { lab.mend(line) } else { lab.cut(line) };
    done.expect("the ISP obeys");
}

/// Cuts a line and waits until flowpin says so.
pub fn cut(lab: &Lab, router: &Router<'_>, name: &str) {
    carry(lab, name, false);
    wait_until("the line is told dead", || wan(router, name).state == "link-down");
    settle();
}

/// Mends a line and waits until flowpin says so.
pub fn mend(lab: &Lab, router: &Router<'_>, name: &str) {
    carry(lab, name, true);
    wait_until("the line is told alive", || wan(router, name).state == "up");
    settle();
}

/// How often flowpin counted an event.
pub fn event(router: &Router<'_>, name: &str) -> u64 {
    router.status().events.get(name).copied().unwrap_or_default()
}

/// What flowpin says of a WAN.
pub fn wan(router: &Router<'_>, name: &str) -> Wan {
    router.status().wans.into_iter().find(|it| it.name == name).expect("the WAN")
}

/// Waits until a WAN is in a state.
pub fn wait_for(router: &Router<'_>, name: &str, state: &str) {
    wait_until(&format!("{name} is {state}"), || wan(router, name).state == state);
}

/// Has the fiber's ISP do this with what it forwards.
pub fn forward(lab: &Lab, rule: &str) {
    run(
        &lab.ispa,
        "nft",
        &[&format!("table inet fault {{ chain forward {{ type filter hook forward priority 0; {rule} }}; }}")],
    );
}

/// Has the fiber's ISP forward everything again.
pub fn forward_all(lab: &Lab) {
    run(&lab.ispa, "nft", &["delete table inet fault"]);
}

/// The fiber alone, which follows the kernel's routes.
pub fn fiber_following(lab: &Lab) -> String {
    let config = lab.config();
    let (fiber, rest) = config.split_once("[[wan]]\nname = \"dsl\"").expect("two WANs");
    let (_, workers) = rest.split_once("[workers]").expect("the workers behind the WANs");
    let fiber: Vec<_> = fiber.lines().filter(|line| !line.starts_with("gateway")).collect();
    format!("{}\n[workers]{workers}", fiber.join("\n"))
}
