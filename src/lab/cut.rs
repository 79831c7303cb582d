//! How a line dies, and lives again: as its ISP's end of the cable does it, or somewhere behind it.
//! Must never know: who uses the line, who notices.

use super::topology::Line;
use super::wire::{Wire, set};
use super::{Lab, Namespace, build};
use std::io;

impl Lab {
    /// The ISP of a line.
    #[must_use]
    pub fn isp(&self, line: Line) -> &Namespace {
        match line {
            Line::Fiber => &self.ispa,
            Line::Dsl => &self.ispb,
            Line::Lte => &self.ispc,
        }
    }

    /// Plugs the LTE line in: its link, which was not there, is there.
    ///
    /// # Errors
    /// The kernel refuses; it is plugged in already.
    pub fn plug_in(&self) -> io::Result<()> {
        build::stick(self)
    }

    /// Switches the ISP's end of a line off: the router's has no carrier from then on.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn cut(&self, line: Line) -> io::Result<()> {
        self.isp(line).run(|| Wire::open()?.down("customer")).flatten()
    }

    /// Switches the ISP's end on again. Its kernel has forgotten half of what it knew of the line.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn mend(&self, line: Line) -> io::Result<()> {
        build::isp(self, line)
    }

    /// Lets the ISP swallow whatever is not for itself, in both directions and families and without a word, or carry it
    /// again. The line and its gateway live on.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn swallow(&self, line: Line, swallows: bool) -> io::Result<()> {
        let forwards = if swallows { "0" } else { "1" };
        let settings = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];
        self.isp(line).run(|| settings.iter().try_for_each(|setting| set(setting, forwards))).flatten()
    }
}
