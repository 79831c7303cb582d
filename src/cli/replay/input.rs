//! The packets of one or more captures in the order of their times, each with the end that it came in on.
//! Must never know: what becomes of them.

use super::dates::Dates;
use crate::ports::pcap::{Capture, Fault, LinkType, Packet};
use crate::types::{End, LinkLayer, WanId};
use std::fmt;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

/// The name of the inside end in captures.
pub const INSIDE: &str = "inside";

/// The name of an end. `wans` are the names in the configuration.
#[must_use]
pub fn end_named(name: &str, wans: &[String]) -> Option<End> {
    if name == INSIDE {
        return Some(End::Inside);
    }
    let index = wans.iter().position(|wan| wan == name)?;
    u8::try_from(index).ok().map(|index| End::Wan(WanId(index)))
}

/// Captures, merged by time. Of packets with the same time the file named first goes first.
pub struct Input {
    sources: Vec<Source>,
    wans: Vec<String>,
    /// What stands in front of the packets of each WAN.
    layers: Vec<LinkLayer>,
}

struct Source {
    path: PathBuf,
    file: Metadata,
    capture: Capture<File>,
    /// The end of everything in it; `None`: its interfaces are named after ends.
    end: Option<End>,
    /// By interface of the capture.
    ends: Vec<(End, LinkType)>,
    packet: Packet,
    /// The packet behind it, if it has been read already, and whether there is one.
    ahead: Packet,
    coming: Option<Result<bool, Broken>>,
    dates: Dates,
    state: Waiting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Packet,
    Nothing,
    Ended,
}

/// A packet and where it came in.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The end.
    pub from: End,
    /// What its bytes start with.
    pub link: LinkType,
    /// The bytes and their time.
    pub packet: &'a Packet,
}

/// Why there are no more packets. The sentence names the file.
#[derive(Debug)]
pub struct Broken {
    /// What to tell the operator.
    pub sentence: String,
    /// The file is a capture and is damaged further on.
    pub damaged: bool,
}

impl Broken {
    fn new(path: &Path, what: impl fmt::Display) -> Self {
        Self { sentence: format!("{}: {what}", path.display()), damaged: false }
    }

    fn fault(path: &Path, fault: &Fault) -> Self {
        Self { damaged: matches!(fault, Fault::Damaged { .. }), ..Self::new(path, fault) }
    }
}

impl Input {
    /// Opens the captures: each with its end, or with `None` when its interfaces are named after ends.
    ///
    /// # Errors
    /// A file cannot be opened or is no capture.
    pub fn open(files: &[(Option<End>, &Path)], wans: &[String]) -> Result<Self, Broken> {
        let sources = files.iter().map(|(end, path)| Source::open(*end, path)).collect::<Result<_, _>>()?;
        Ok(Self { sources, wans: wans.to_vec(), layers: vec![LinkLayer::default(); wans.len()] })
    }

    /// What stands in front of the packets of each WAN, as far as the captures say it before their first packets.
    pub fn layers(&mut self) -> Vec<LinkLayer> {
        for source in &mut self.sources {
            if let Err(broken) = source.fetch(&self.wans) {
                // Told when it is its turn.
                source.coming = Some(Err(broken));
            }
        }
        for (wan, layer) in (0..).map(WanId).zip(&mut self.layers) {
            let ends = self.sources.iter().flat_map(|source| &source.ends);
            let known = ends.filter(|(end, _)| *end == End::Wan(wan)).find_map(|(_, link)| link.layer());
            *layer = known.unwrap_or_default();
        }
        self.layers.clone()
    }

    /// The files behind it, to be told from the files that are written.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Metadata)> {
        self.sources.iter().map(|source| (source.path.as_path(), &source.file))
    }

    /// Bytes of all files.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.sources.iter().map(|source| source.file.len()).sum()
    }

    /// Bytes read of all files.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.sources.iter().map(|source| source.capture.position()).sum()
    }

    /// What is wrong with the clocks of the captures, a sentence each.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let of = |source: &Source| Some(format!("{}: {}", source.path.display(), source.dates.complaint()?));
        self.sources.iter().filter_map(of).collect()
    }

    /// The next packet, or `None` behind the last.
    ///
    /// # Errors
    /// A capture is damaged here, or has an interface that is no end. All packets before were good.
    pub fn next(&mut self) -> Result<Option<Arrival<'_>>, Broken> {
        for source in self.sources.iter_mut().filter(|source| source.state == Waiting::Nothing) {
            source.fetch(&self.wans)?;
        }
        let waiting = self.sources.iter_mut().filter(|source| source.state == Waiting::Packet);
        let Some(source) = waiting.min_by_key(|source| source.packet.time) else { return Ok(None) };
        source.state = Waiting::Nothing;
        let Some((from, link)) = source.ends.get(source.packet.interface).copied() else { return Ok(None) };
        let is_other = |wan: WanId| self.layers.get(wan.index()).copied() != link.layer();
        if let End::Wan(wan) = from
            && is_other(wan)
        {
            let (number, name) = (source.packet.interface + 1, self.wans.get(wan.index()).map_or("", String::as_str));
            let what = format!("interface {number} is {}, and {name:?} began as another kind of link", kind(link));
            return Err(Broken::new(&source.path, what));
        }
        Ok(Some(Arrival { from, link, packet: &source.packet }))
    }
}

impl Source {
    fn open(end: Option<End>, path: &Path) -> Result<Self, Broken> {
        let file = File::open(path).map_err(|error| Broken::new(path, format_args!("cannot be opened: {error}")))?;
        let metadata = file.metadata().map_err(|error| Broken::new(path, error))?;
        if metadata.is_dir() {
            return Err(Broken::new(path, "this is a directory, not a capture"));
        }
        let capture = Capture::new(file).map_err(|fault| Broken::fault(path, &fault))?;
        Ok(Self {
            path: path.to_owned(),
            file: metadata,
            capture,
            end,
            ends: Vec::new(),
            packet: Packet::default(),
            ahead: Packet::default(),
            coming: None,
            dates: Dates::default(),
            state: Waiting::Nothing,
        })
    }

    /// Makes the next packet the one that waits. That behind it is read already: its date tells whether this one's is odd.
    fn fetch(&mut self, wans: &[String]) -> Result<(), Broken> {
        let coming = match self.coming.take() {
            Some(coming) => coming,
            None => self.read_ahead(wans),
        };
        if !coming? {
            self.state = Waiting::Ended;
            return Ok(());
        }
        std::mem::swap(&mut self.packet, &mut self.ahead);
        let coming = self.read_ahead(wans);
        let next = matches!(coming, Ok(true)).then_some(self.ahead.time);
        self.packet.time = self.dates.time(self.packet.time, next);
        (self.coming, self.state) = (Some(coming), Waiting::Packet);
        Ok(())
    }

    /// The next packet that came in: what the machine is said to have sent did not.
    fn read_ahead(&mut self, wans: &[String]) -> Result<bool, Broken> {
        loop {
            let read = self.read_next(wans)?;
            let Some((end, link)) = self.ends.get(self.ahead.interface).copied().filter(|_| read) else {
                return Ok(read);
            };
            if link.lacks_ethernet(&self.ahead.data) {
                let what = wrong_link(end, self.ahead.interface + 1, LinkType::Other(COOKED));
                return Err(Broken::new(&self.path, what));
            }
            if !link.was_sent(&self.ahead.data) {
                return Ok(true);
            }
        }
    }

    fn read_next(&mut self, wans: &[String]) -> Result<bool, Broken> {
        let read = self.capture.next(&mut self.ahead);
        // Interfaces first: a damaged file may have told of one that explains the damage better.
        while let Some(interface) = self.capture.interfaces().get(self.ends.len()) {
            let number = self.ends.len() + 1;
            let end = match self.end {
                Some(end) => end,
                None => named(interface.name.as_deref(), number, wans).map_err(|what| Broken::new(&self.path, what))?,
            };
            if interface.link.layer().is_none() {
                return Err(Broken::new(&self.path, wrong_link(end, number, interface.link)));
            }
            self.ends.push((end, interface.link));
        }
        read.map_err(|fault| Broken::fault(&self.path, &fault))
    }
}

fn named(name: Option<&str>, number: usize, wans: &[String]) -> Result<End, String> {
    let Some(name) = name else {
        return Err(format!(
            "interface {number} has no name; give such captures as --inside FILE and --wan NAME=FILE, one per end"
        ));
    };
    end_named(name, wans).ok_or_else(|| {
        format!(
            "interface {number} is named {name:?}, but the ends of this configuration are {}; rename it (editcap, or \
             capture with --ifname) or give one capture per end",
            names(wans)
        )
    })
}

/// All ends, for people.
#[must_use]
pub fn names(wans: &[String]) -> String {
    std::iter::once(INSIDE).chain(wans.iter().map(String::as_str)).collect::<Vec<_>>().join(", ")
}

/// LINKTYPE_LINUX_SLL.
const COOKED: u32 = 113;

fn wrong_link(end: End, number: usize, link: LinkType) -> String {
    let end = if end == End::Inside { "the inside" } else { "a WAN" };
    format!("interface {number} is {}, but {end} is Ethernet or raw IP", kind(link))
}

/// For people.
fn kind(link: LinkType) -> String {
    match link {
        LinkType::Ethernet => "Ethernet".to_owned(),
        LinkType::Raw => "raw IP".to_owned(),
        LinkType::Cooked => "Linux cooked".to_owned(),
        LinkType::Other(COOKED | 276) => "Linux cooked (captured on `any`)".to_owned(),
        LinkType::Other(number) => format!("of link type {number}"),
    }
}
