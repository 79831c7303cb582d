//! Where a replay writes: one pcapng, one pcap per end, or nothing. A file appears under its name when it is complete.
//! Must never know: what the packets mean.

use crate::ports::batch::Transmit;
use crate::ports::pcap::{LinkType, Sink, Tape, Writer};
use crate::types::{End, WanId};
use crate::workers::turn::Transmitters;
use std::cell::Cell;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What the operator asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Counts alone.
    Nothing,
    /// One pcapng.
    File(&'a Path),
    /// One pcap per end.
    Directory(&'a Path),
}

/// The captures being written.
pub struct Output {
    files: Vec<Part>,
    tapes: Vec<Shared>,
    inside: Place,
    wans: Vec<Place>,
    /// By end, the inside first; empty when dropped packets are not wanted.
    dropped: Vec<Place>,
}

type Shared = Rc<Tape<Box<dyn Write>>>;

/// One interface of one tape, and how many packets went there.
struct Place {
    tape: Shared,
    interface: u32,
    packets: Rc<Cell<u64>>,
}

impl Place {
    fn new(tape: &Shared, interface: u32) -> Self {
        Self { tape: Rc::clone(tape), interface, packets: Rc::default() }
    }

    fn sink(&self) -> Box<dyn Transmit> {
        Box::new(Sink::new(Rc::clone(&self.tape), self.interface, Rc::clone(&self.packets)))
    }
}

impl Output {
    /// Opens what is wanted for these ends, the inside first. `taken` are files that must not be written over.
    ///
    /// # Errors
    /// One sentence: what cannot be written, and why.
    pub fn open(
        wanted: Wanted<'_>,
        ends: &[(String, LinkType)],
        comments: bool,
        taken: &[(&Path, &Metadata)],
    ) -> Result<Self, String> {
        let dropped: Vec<_> = ends.iter().map(|(name, link)| (format!("dropped:{name}"), *link)).collect();
        let dropped = if comments { dropped } else { Vec::new() };
        match wanted {
            Wanted::Nothing => Self::one(Box::new(io::sink()), None, ends, &dropped),
            Wanted::File(path) => {
                let (file, part) = create(path, taken)?;
                Self::one(file, part, ends, &dropped)
            }
            Wanted::Directory(path) => Self::many(path, ends, &dropped, taken),
        }
    }

    /// One pcapng: the ends, then the ends that packets were dropped from.
    fn one(
        file: Box<dyn Write>,
        part: Option<Part>,
        ends: &[(String, LinkType)],
        dropped: &[(String, LinkType)],
    ) -> Result<Self, String> {
        let interfaces = ends.iter().chain(dropped).map(|(name, link)| (name.as_str(), *link));
        let tape = tape(Writer::pcapng(file, interfaces))?;
        let mut places = (0..).map(|interface| Place::new(&tape, interface));
        Ok(Self {
            inside: Place::new(&tape, 0),
            wans: places.by_ref().take(ends.len()).skip(1).collect(),
            dropped: places.take(dropped.len()).collect(),
            files: part.into_iter().collect(),
            tapes: vec![tape],
        })
    }

    /// One pcap per end, and one pcapng for what was dropped: pcap has no comments.
    fn many(
        directory: &Path,
        ends: &[(String, LinkType)],
        dropped: &[(String, LinkType)],
        taken: &[(&Path, &Metadata)],
    ) -> Result<Self, String> {
        fs::create_dir_all(directory).map_err(|error| cannot(directory, &error))?;
        let mut files = Vec::new();
        let mut tapes = Vec::new();
        let mut create = |name: &str| {
            let (file, part) = create(&directory.join(name), taken)?;
            files.extend(part);
            Ok::<_, String>(file)
        };
        let mut end = |name: &str, link| {
            let tape = tape(Writer::pcap(create(&format!("{name}.pcap"))?, link))?;
            tapes.push(Rc::clone(&tape));
            Ok::<_, String>(Place::new(&tape, 0))
        };
        let mut all = ends.iter().map(|(name, link)| end(name, *link)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let inside = all.next().ok_or("a capture has ends")?;
        let wans = all.collect();
        let mut places = Vec::new();
        if !dropped.is_empty() {
            let interfaces = dropped.iter().map(|(name, link)| (name.as_str(), *link));
            let tape = tape(Writer::pcapng(create("dropped.pcapng")?, interfaces))?;
            places = (0..).zip(dropped).map(|(interface, _)| Place::new(&tape, interface)).collect();
            tapes.push(tape);
        }
        Ok(Self { files, tapes, inside, wans, dropped: places })
    }

    /// The ends as the turn wants them.
    #[must_use]
    pub fn transmitters(&self) -> Transmitters {
        Transmitters { inside: self.inside.sink(), wans: self.wans.iter().map(|wan| Some(wan.sink())).collect() }
    }

    /// Sets the time of what is written from now on, in nanoseconds since 1970.
    pub fn set_time(&self, time: u64) {
        self.tapes.iter().for_each(|tape| tape.set_time(time));
    }

    /// Writes a packet that was dropped, if such packets are wanted.
    ///
    /// # Errors
    /// Writing failed.
    pub fn dropped(&self, from: End, data: &[u8], original_len: u32, reason: &str) -> io::Result<()> {
        let Some(place) = self.dropped.get(position(from)) else { return Ok(()) };
        place.tape.note(place.interface, data, original_len, &format!("dropped: {reason}"))
    }

    /// Packets that left, by end, the inside first.
    #[must_use]
    pub fn sent(&self) -> Vec<u64> {
        std::iter::once(&self.inside).chain(&self.wans).map(|place| place.packets.get()).collect()
    }

    /// Completes the files and gives them their names. The transmitters must be gone.
    ///
    /// # Errors
    /// One sentence: what could not be written.
    pub fn finish(self) -> Result<(), String> {
        let Self { files, tapes, inside, wans, dropped } = self;
        drop((inside, wans, dropped));
        for tape in tapes {
            let tape = Rc::into_inner(tape).ok_or("the output is still in use")?;
            tape.into_writer().finish().map_err(|error| format!("the output cannot be written: {error}"))?;
        }
        files.into_iter().try_for_each(Part::keep)
    }
}

fn tape(writer: io::Result<Writer<Box<dyn Write>>>) -> Result<Shared, String> {
    writer.map(|writer| Rc::new(Tape::new(writer))).map_err(|error| format!("the output cannot be written: {error}"))
}

fn create(path: &Path, taken: &[(&Path, &Metadata)]) -> Result<(Box<dyn Write>, Option<Part>), String> {
    let (file, part) = Part::create(path, taken)?;
    Ok((Box::new(BufWriter::with_capacity(1 << 18, file)), part))
}

/// The place of an end in lists that start with the inside.
#[must_use]
pub fn position(end: End) -> usize {
    match end {
        End::Inside => 0,
        End::Wan(WanId(index)) => 1 + usize::from(index),
    }
}

/// A file on its way to its name. Dropped before it is kept, nothing is left of it.
struct Part {
    path: PathBuf,
    target: PathBuf,
}

impl Part {
    /// Opens `path` for writing. What exists is replaced when all is written; a device or pipe is written as it is.
    fn create(path: &Path, taken: &[(&Path, &Metadata)]) -> Result<(File, Option<Self>), String> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Ok(there) = fs::metadata(&target) {
            if there.is_dir() {
                return Err(format!("{}: this is a directory; give --out a file, or use --out-dir", path.display()));
            }
            if let Some((other, _)) = taken.iter().find(|(_, other)| same(&there, other)) {
                return Err(format!(
                    "{}: this is also read, as {}; write somewhere else",
                    path.display(),
                    other.display()
                ));
            }
            if !there.is_file() {
                let file = File::options().write(true).open(&target).map_err(|error| cannot(path, &error))?;
                return Ok((file, None));
            }
        }
        let mut name = target.file_name().map(ToOwned::to_owned).unwrap_or_default();
        name.push(format!(".{}.part", std::process::id()));
        let part = target.with_file_name(name);
        let file = File::create(&part).map_err(|error| cannot(path, &error))?;
        Ok((file, Some(Self { path: part, target })))
    }

    fn keep(self) -> Result<(), String> {
        fs::rename(&self.path, &self.target).map_err(|error| cannot(&self.target, &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After `keep` there is nothing under this name any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("{}: cannot be written: {error}", path.display())
}
