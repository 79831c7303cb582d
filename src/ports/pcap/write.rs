//! Writes captures that depend on nothing but the packets: little-endian, nanoseconds, no wall clock, no machine.
//! Must never know: where the packets come from.

use super::LinkType;
use pcap_file::pcap::{PcapHeader, PcapTsResolution, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::{DataLink, Endianness};
use std::borrow::Cow;
use std::io::{self, Write};

/// A capture being written.
pub struct Writer<W: Write>(Format<W>);

enum Format<W: Write> {
    Classic(PcapWriter<W>),
    Next(PcapNgWriter<W>),
}

impl<W: Write> Writer<W> {
    /// A pcapng file with these interfaces, by name.
    ///
    /// # Errors
    /// Writing failed.
    pub fn pcapng<'a>(out: W, interfaces: impl IntoIterator<Item = (&'a str, LinkType)>) -> io::Result<Self> {
        let mut writer = PcapNgWriter::with_endianness(out, Endianness::Little).map_err(io::Error::other)?;
        for (name, link) in interfaces {
            let mut block = InterfaceDescriptionBlock::new(data_link(link), 0);
            block.options.push(InterfaceDescriptionOption::IfName(Cow::Borrowed(name)));
            block.options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO));
            writer.write_pcapng_block(block).map_err(io::Error::other)?;
        }
        Ok(Self(Format::Next(writer)))
    }

    /// A classic pcap file.
    ///
    /// # Errors
    /// Writing failed.
    pub fn pcap(out: W, link: LinkType) -> io::Result<Self> {
        let header = PcapHeader {
            datalink: data_link(link),
            snaplen: 262_144,
            ts_resolution: PcapTsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        Ok(Self(Format::Classic(PcapWriter::with_header(out, header).map_err(io::Error::other)?)))
    }

    /// Writes a packet of that interface (classic pcap has one) at `time` nanoseconds since 1970. `original_len` counts
    /// when it is more than `data` has. Classic pcap has no comments: there it is left out.
    ///
    /// # Errors
    /// Writing failed, or there is no such interface.
    pub fn packet(
        &mut self,
        interface: u32,
        time: u64,
        data: &[u8],
        original_len: u32,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let captured = u32::try_from(data.len()).map_err(io::Error::other)?;
        let original_len = original_len.max(captured);
        match &mut self.0 {
            Format::Classic(writer) => {
                // 32 bits of seconds reach to 2106; what is later keeps its order among the last.
                let ts_sec = u32::try_from(time / 1_000_000_000).unwrap_or(u32::MAX);
                let ts_frac = (time % 1_000_000_000) as u32;
                let raw =
                    RawPcapPacket { ts_sec, ts_frac, incl_len: captured, orig_len: original_len, data: data.into() };
                writer.write_raw_packet(&raw).map_err(io::Error::other)?;
            }
            Format::Next(writer) => {
                let comment = comment.map(|text| EnhancedPacketOption::Common(CommonOption::Comment(text.into())));
                let block = EnhancedPacketBlock {
                    interface_id: interface,
                    timestamp: std::time::Duration::from_nanos(time),
                    original_len,
                    data: data.into(),
                    options: comment.into_iter().collect(),
                };
                writer.write_pcapng_block(block).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    /// Ends the capture and gives its destination back.
    ///
    /// # Errors
    /// What was buffered could not be written.
    pub fn finish(self) -> io::Result<W> {
        let mut out = match self.0 {
            Format::Classic(writer) => writer.into_inner(),
            Format::Next(writer) => writer.into_inner(),
        };
        out.flush()?;
        Ok(out)
    }
}

fn data_link(link: LinkType) -> DataLink {
    match link {
        LinkType::Ethernet => DataLink::ETHERNET,
        LinkType::Raw => DataLink::RAW,
        LinkType::Cooked => DataLink::LINUX_SLL,
        LinkType::Other(number) => DataLink::from(number),
    }
}
