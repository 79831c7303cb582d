//! Imports that still make a circle or go up a row, each until its cut. An entry that breaks nothing any more fails the
//! test, and nothing is ever added.

/// Who imports, and from whom.
pub const STANDING: &[(&str, &str)] = &[
    ("src/control/kernel/routing.rs", "src/control/kernel.rs"),
    ("src/control/kernel/routing.rs", "src/control/kernel/sysctl.rs"),
    ("src/control/kernel/routing/conflicts.rs", "src/control/kernel.rs"),
    ("src/control/kernel/routing/conflicts.rs", "src/control/kernel/routing.rs"),
    ("src/control/kernel/routing/entry.rs", "src/control/kernel/routing.rs"),
    ("src/control/kernel/routing/inside.rs", "src/control/kernel.rs"),
    ("src/control/kernel/routing/inside.rs", "src/control/kernel/routing.rs"),
    ("src/control/kernel/saved.rs", "src/control/kernel.rs"),
    ("src/control/kernel/tun.rs", "src/control/kernel.rs"),
    ("src/control/links/delegated.rs", "src/control/links.rs"),
    ("src/control/report/status.rs", "src/control/report.rs"),
    ("src/control/service/follow.rs", "src/control/service.rs"),
    ("src/control/service/machine.rs", "src/control/service.rs"),
    ("src/control/service/say.rs", "src/control/service/follow.rs"),
    ("src/control/service/shielded.rs", "src/control/service.rs"),
];
