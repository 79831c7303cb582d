//! Reads pcap and pcapng as a stream of packets. Lenient about what the replay does not need (options, snap lengths,
//! blocks of other kinds), exact about where a damaged file broke.
//! Must never know: which interface is which end.

use super::LinkType;
use pcap_file::Endianness;
use pcap_file::pcap::{PcapReader, PcapTsResolution};
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{PcapNgReader, PcapNgState};
use std::error::Error;
use std::fmt;
use std::io::{Chain, Cursor, ErrorKind, Read};

/// The largest block or packet that is read, in bytes; tcpdump's largest snap length is a sixteenth of it.
const LARGEST: usize = 4 << 20;

/// The first bytes of the file, by which its format is known, and the rest.
type Source<R> = Chain<Cursor<Vec<u8>>, R>;

/// A capture being read.
pub struct Capture<R: Read> {
    format: Format<R>,
    interfaces: Vec<Interface>,
    packets: u64,
}

enum Format<R: Read> {
    Classic { reader: PcapReader<Source<R>>, offset: u64 },
    Next { reader: PcapNgReader<Source<R>>, section: usize, last: u64 },
}

/// An interface that packets were captured on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// `if_name`; classic pcap has none.
    pub name: Option<String>,
    /// What its packets start with.
    pub link: LinkType,
}

/// One captured packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Packet {
    /// Index into [`Capture::interfaces`].
    pub interface: usize,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub time: u64,
    /// The bytes that were captured, from the link header on.
    pub data: Vec<u8>,
    /// The bytes it had on the wire.
    pub original_len: u32,
}

/// Why a capture cannot be read any further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing in it.
    Empty,
    /// Not pcap, not pcapng. What it looks like, if that is known.
    NotACapture(&'static str),
    /// Broken behind `packets` good packets, `offset` bytes into the file.
    Damaged {
        /// Packets read before.
        packets: u64,
        /// Where the broken piece begins.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The system could not read the file.
    Io(ErrorKind, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::NotACapture(hint) => write!(f, "this is neither pcap nor pcapng{hint}"),
            Self::Damaged { packets, offset, what } => {
                write!(f, "the capture is damaged at byte {offset}, at packet {}: {what}", packets + 1)
            }
            Self::Io(_, what) => write!(f, "cannot be read: {what}"),
        }
    }
}

impl Error for Fault {}

impl<R: Read> Capture<R> {
    /// Starts reading. Classic pcap has its one interface at once; pcapng describes interfaces among the packets.
    ///
    /// # Errors
    /// The file is not a capture, or its header is damaged.
    pub fn new(mut source: R) -> Result<Self, Fault> {
        let mut head = Vec::with_capacity(4);
        source.by_ref().take(4).read_to_end(&mut head).map_err(|error| io_fault(&error))?;
        let magic = head.clone();
        let source = Cursor::new(head).chain(source);
        match magic[..] {
            [] => Err(Fault::Empty),
            [0x0a, 0x0d, 0x0d, 0x0a] => Self::next_generation(source),
            [0xa1, 0xb2, 0xc3, 0xd4]
            | [0xa1, 0xb2, 0x3c, 0x4d]
            | [0xd4, 0xc3, 0xb2, 0xa1]
            | [0x4d, 0x3c, 0xb2, 0xa1] => Self::classic(source),
            [0x1f, 0x8b, ..] => Err(Fault::NotACapture(" but gzip: unpack it first")),
            [0x28, 0xb5, 0x2f, 0xfd] => Err(Fault::NotACapture(" but zstd: unpack it first")),
            _ => Err(Fault::NotACapture("")),
        }
    }

    fn classic(source: Source<R>) -> Result<Self, Fault> {
        let reader = PcapReader::with_capacity(source, LARGEST).map_err(|error| damaged(0, 0, &error))?;
        let link = LinkType::from_number(u32::from(reader.header().datalink));
        Ok(Self {
            format: Format::Classic { reader, offset: 24 },
            interfaces: vec![Interface { name: None, link }],
            packets: 0,
        })
    }

    fn next_generation(source: Source<R>) -> Result<Self, Fault> {
        let reader = PcapNgReader::with_capacity(source, LARGEST).map_err(|error| damaged(0, 0, &error))?;
        Ok(Self { format: Format::Next { reader, section: 0, last: 0 }, interfaces: Vec::new(), packets: 0 })
    }

    /// The interfaces described so far.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of the file read so far.
    pub fn position(&self) -> u64 {
        match &self.format {
            Format::Classic { offset, .. } => *offset,
            Format::Next { reader, .. } => reader.bytes_parsed(),
        }
    }

    /// Reads the next packet into `packet`. False at the end of the file, where `packet` is left as it was.
    ///
    /// # Errors
    /// The file is damaged here; every packet before was good. Asking again gives the same error.
    pub fn next(&mut self, packet: &mut Packet) -> Result<bool, Fault> {
        let packets = self.packets;
        let read = match &mut self.format {
            Format::Classic { reader, offset } => classic_packet(reader, offset, packets, packet),
            Format::Next { reader, section, last } => {
                next_packet(reader, section, last, &mut self.interfaces, packets, packet)
            }
        }?;
        self.packets += u64::from(read);
        Ok(read)
    }
}

fn classic_packet<R: Read>(
    reader: &mut PcapReader<Source<R>>,
    offset: &mut u64,
    packets: u64,
    packet: &mut Packet,
) -> Result<bool, Fault> {
    let scale = match reader.header().ts_resolution {
        PcapTsResolution::MicroSecond => 1_000,
        PcapTsResolution::NanoSecond => 1,
    };
    let raw = match reader.next_raw_packet() {
        None => return Ok(false),
        Some(Err(error)) => return Err(damaged(packets, *offset, &error)),
        Some(Ok(raw)) => raw,
    };
    *offset += 16 + raw.data.len() as u64;
    packet.fill(0, u64::from(raw.ts_sec) * 1_000_000_000 + u64::from(raw.ts_frac) * scale, &raw.data, raw.orig_len);
    Ok(true)
}

fn next_packet<R: Read>(
    reader: &mut PcapNgReader<Source<R>>,
    section: &mut usize,
    last: &mut u64,
    interfaces: &mut Vec<Interface>,
    packets: u64,
    packet: &mut Packet,
) -> Result<bool, Fault> {
    loop {
        let offset = reader.bytes_parsed();
        let (block, state) = match reader.next_raw_block() {
            None => return Ok(false),
            Some(Err(error)) => return Err(damaged(packets, offset, &error)),
            Some(Ok(read)) => read,
        };
        match block.type_ {
            SECTION_HEADER => *section = interfaces.len(),
            INTERFACE_DESCRIPTION => interfaces.extend(state.interfaces().last().map(|description| Interface {
                name: description.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.trim_end_matches('\0').to_owned()),
                    _ => None,
                }),
                link: LinkType::from_number(u32::from(description.linktype)),
            })),
            kind @ (ENHANCED_PACKET | PACKET | SIMPLE_PACKET) => {
                let body = PacketBody::read(kind, &block.body, state, *last).map_err(|what| Fault::Damaged {
                    packets,
                    offset,
                    what: what.to_owned(),
                })?;
                *last = body.time;
                packet.fill(*section + body.interface, body.time, body.data, body.original_len);
                return Ok(true);
            }
            _ => {}
        }
    }
}

// Block types (draft-ietf-opsawg-pcapng §4, §11.1).
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The body of a packet block.
struct PacketBody<'a> {
    interface: usize,
    time: u64,
    data: &'a [u8],
    original_len: u32,
}

impl<'a> PacketBody<'a> {
    /// Reads the body of a packet block, without its options: they may be broken without harm. A simple packet has
    /// no time of its own and gets `last`.
    fn read(kind: u32, body: &'a [u8], state: &PcapNgState, last: u64) -> Result<Self, &'static str> {
        const SHORT: &str = "a packet block is shorter than it says";
        let word = |at: usize| -> Result<u32, &'static str> {
            let bytes = body.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).ok_or(SHORT)?;
            Ok(match state.endianness() {
                Endianness::Big => u32::from_be_bytes(bytes),
                Endianness::Little => u32::from_le_bytes(bytes),
            })
        };
        let first = word(0)?;
        let interface = match (kind, state.endianness()) {
            (SIMPLE_PACKET, _) => 0,
            (ENHANCED_PACKET, _) => first,
            (_, Endianness::Big) => first >> 16,
            (_, Endianness::Little) => first & 0xffff,
        };
        let description =
            state.interfaces().get(interface as usize).ok_or("a packet of an interface that is not described")?;
        if kind == SIMPLE_PACKET {
            let limit = if description.snaplen == 0 { first } else { first.min(description.snaplen) };
            let data = body.get(4..4 + limit as usize).ok_or(SHORT)?;
            return Ok(Self { interface: 0, time: last, data, original_len: first });
        }
        let time = state.decode_timestamp(interface, word(4)?, word(8)?).ok();
        let time = time.and_then(|time| u64::try_from(time.as_nanos()).ok()).ok_or("a packet's time is impossible")?;
        let (captured, original_len) = (word(12)?, word(16)?);
        let data = body.get(20..20 + captured as usize).ok_or(SHORT)?;
        Ok(Self { interface: interface as usize, time, data, original_len })
    }
}

impl Packet {
    fn fill(&mut self, interface: usize, time: u64, data: &[u8], original_len: u32) {
        self.interface = interface;
        self.time = time;
        self.original_len = original_len;
        self.data.clear();
        self.data.extend_from_slice(data);
    }
}

/// The whole chain of an error of the capture library in one line; its end-of-file errors name no place in the file.
fn damaged(packets: u64, offset: u64, error: &(dyn Error + 'static)) -> Fault {
    let mut text = error.to_string();
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            if io.kind() != ErrorKind::UnexpectedEof {
                return io_fault(io);
            }
            let what =
                format!("it ends in the middle of a packet or block, or one is longer than {} MiB", LARGEST >> 20);
            return Fault::Damaged { packets, offset, what };
        }
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    Fault::Damaged { packets, offset, what: text }
}

fn io_fault(error: &std::io::Error) -> Fault {
    Fault::Io(error.kind(), error.to_string())
}

#[cfg(test)]
mod tests;
