//! Claims about what a recording holds, how much of it, and what it costs the port.

use super::*;
use crate::ports::memory::{Sink, Source, Stored};
use crate::ports::pcap::{Capture, LinkType, Packet};
use crate::types::{Disposition, LinkLayer, WanId};

const WAN: End = End::Wan(WanId(0));

fn recording(most: usize) -> Arc<Recording> {
    let times = AtomicU64::new(1_000);
    Arc::new(Recording::new(most, move || times.fetch_add(1_000, Ordering::Relaxed)))
}

/// What is written of it: interface, time and bytes of each frame.
fn written(recording: &Recording) -> Vec<(usize, u64, Vec<u8>)> {
    let names = [("fiber", LinkType::Ethernet), ("sent:fiber", LinkType::Ethernet)];
    let mut writer = Writer::pcapng(Vec::new(), names).unwrap();
    recording.write_to(&mut writer).unwrap();
    let file = writer.finish().unwrap();
    let (mut capture, mut packet, mut all) = (Capture::new(&file[..]).unwrap(), Packet::default(), Vec::new());
    while capture.next(&mut packet).unwrap() {
        all.push((packet.interface, packet.time, packet.data.clone()));
    }
    all
}

/// Receives what `frames` are, in one batch; sends all that came to `end`.
fn pass(recording: &Arc<Recording>, frames: &[Stored], end: End) -> (usize, Sent) {
    let mut source = Source::default();
    source.extend(frames.iter().cloned());
    let mut receive = Record::new(source, recording, Some(0));
    let mut transmit = Record::new(Sink::default(), recording, Some(1));
    let mut batch = Batch::new();
    receive.receive(&mut batch).unwrap();
    batch.iter_mut().for_each(|frame| frame.disposition = Disposition::Send(end));
    let sent = transmit.transmit(&batch, end).unwrap();
    let received = batch.len();
    drop(batch);
    receive.release();
    (received, sent)
}

#[test]
fn what_is_received_and_what_is_sent_is_written_with_its_interface_and_time() {
    let recording = recording(1_000_000);
    let frames = [Stored::new(&[7; 14], &[1, 2, 3]), Stored::new(&[8; 14], &[4])];
    assert_eq!(pass(&recording, &frames, WAN), (2, Sent { sent: 2, ..Sent::default() }));
    let [first, second] = [[&[7; 14][..], &[1, 2, 3]].concat(), [&[8; 14][..], &[4]].concat()];
    let all = [(0, 1_000, first.clone()), (0, 1_000, second.clone()), (1, 2_000, first), (1, 2_000, second)];
    assert_eq!(written(&recording), all);
    assert_eq!((written(&recording).len(), recording.missed()), (0, 0), "written once");
}

#[test]
fn a_tag_that_the_kernel_took_out_is_put_back_and_the_inside_begins_at_the_ip_header() {
    let recording = recording(1_000_000);
    let tagged = Stored { tag: Some(0x2007), ..Stored::new(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0], &[0x45]) };
    pass(&recording, &[tagged], End::Inside);
    let received = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0x20, 7, 8, 0, 0x45].to_vec();
    assert_eq!(written(&recording), [(0, 1_000, received), (1, 2_000, vec![0x45])]);
}

#[test]
fn only_the_interfaces_that_are_asked_for_are_recorded_and_only_frames_that_go_there() {
    let recording = recording(1_000_000);
    let mut source = Source::default();
    source.push(Stored::new(&[], &[1]));
    let mut receive = Record::new(source, &recording, None);
    let mut batch = Batch::new();
    receive.receive(&mut batch).unwrap();
    let mut elsewhere = Record::new(Sink::default(), &recording, Some(1));
    batch[0].disposition = Disposition::Send(End::Inside);
    elsewhere.transmit(&batch, WAN).unwrap();
    assert_eq!((batch.len(), written(&recording).len()), (1, 0));
}

#[test]
fn links_with_and_without_a_link_layer_are_read_from_one_capture_each_as_it_is() {
    let recording = recording(1_000_000);
    let (framed, bare) = (Stored::new(&[7; 14], &[0x45, 1]), Stored::new(&[], &[0x60, 2]));
    pass(&recording, &[framed], WAN);
    let mut lte = Source::default();
    lte.extend([bare]);
    Record::new(lte, &recording, Some(2)).receive(&mut Batch::new()).unwrap();
    let layers = [LinkLayer::Ethernet, LinkLayer::Ethernet, LinkLayer::None].map(LinkType::of);
    let mut writer = Writer::pcapng(Vec::new(), ["fiber", "sent:fiber", "lte"].into_iter().zip(layers)).unwrap();
    recording.write_to(&mut writer).unwrap();
    let file = writer.finish().unwrap();
    let (mut capture, mut packet, mut all) = (Capture::new(&file[..]).unwrap(), Packet::default(), Vec::new());
    while capture.next(&mut packet).unwrap() {
        let link = capture.interfaces()[packet.interface].link;
        all.push((link, crate::ports::pcap::ip_of(&packet.data, link).map(<[u8]>::to_vec)));
    }
    let ethernet = (LinkType::Ethernet, None);
    assert_eq!(all, [ethernet.clone(), ethernet, (LinkType::Raw, Some(vec![0x60, 2]))]);
}

#[test]
fn what_finds_no_room_is_counted_and_passes_and_room_comes_back_with_the_writing() {
    let recording = recording(2 * (OVERHEAD + 40));
    let frames = [1, 2, 3].map(|byte| Stored::new(&[], &[byte; 40]));
    assert_eq!(pass(&recording, &frames, End::Inside).0, 3);
    assert_eq!(recording.missed(), 1 + 3, "the third received, and all three sent");
    let bytes = |all: Vec<(usize, u64, Vec<u8>)>| all.iter().map(|(_, _, bytes)| bytes[0]).collect::<Vec<_>>();
    assert_eq!(bytes(written(&recording)), [1, 2]);
    pass(&recording, &frames[2..], End::Inside);
    assert_eq!((bytes(written(&recording)), recording.missed()), (vec![3, 3], 4));
}

#[test]
fn a_recording_that_is_written_meanwhile_loses_and_doubles_nothing() {
    let recording = recording(64 << 20);
    let feed = |port: u8| {
        let recording = Arc::clone(&recording);
        std::thread::spawn(move || {
            let mut sink = Record::new(Sink::default(), &recording, Some(1));
            for number in 0..=u8::MAX {
                let mut buffer = [port, number];
                let mut frame = Frame::new(&mut buffer, 0, 0, 2, crate::types::Offload::NONE).unwrap();
                frame.disposition = Disposition::Send(WAN);
                sink.transmit(std::slice::from_ref(&frame), WAN).unwrap();
            }
        })
    };
    let feeders = [feed(0), feed(1)];
    let mut all = Vec::new();
    while all.len() < 512 {
        all.extend(written(&recording).into_iter().map(|(_, _, bytes)| bytes));
    }
    feeders.into_iter().for_each(|feeder| feeder.join().unwrap());
    for port in 0..2 {
        let seen: Vec<_> = all.iter().filter(|bytes| bytes[0] == port).map(|bytes| bytes[1]).collect();
        assert!(seen.iter().copied().eq(0..=u8::MAX), "port {port}");
    }
    assert_eq!(recording.missed(), 0);
}
