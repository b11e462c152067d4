//! What is written is read back.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::capture::test_bytes::read;
use crate::capture::{CaptureWriter, Format, NeedsPcapng, PcapFile, needs_pcapng};
use crate::packet::{CapturedPacket, Extras, Interface, LinkType, Timestamp};

fn write(packets: &[CapturedPacket], format: Format) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), format);
    for packet in packets {
        writer.write(packet).unwrap();
    }
    writer.finish().unwrap()
}

fn read_clean(bytes: &[u8]) -> Vec<CapturedPacket> {
    let (packets, report) = read(bytes);
    assert!(report.is_clean(), "{report:?}");
    packets
}

fn packet() -> CapturedPacket {
    CapturedPacket {
        timestamp: Timestamp::from_parts(1_700_000_000, 123_456_789),
        link_type: LinkType::ETHERNET,
        original_length: 60,
        data: Bytes::from_static(b"abcde"),
        extras: None,
    }
}

fn with_extras(extras: Extras) -> CapturedPacket {
    CapturedPacket { extras: Some(Arc::new(extras)), ..packet() }
}

fn interface(id: u32, name: &str) -> Interface {
    let name = Some(name.to_owned());
    Interface { id, snap_length: 0, name, description: None, fcs_length: None }
}

prop_compose! {
    fn any_interface()(
        id in 0_u32..3,
        snap_length in prop_oneof![Just(0), Just(262_144), any::<u32>()],
        name: Option<String>,
        description: Option<String>,
        fcs_length: Option<u8>,
    ) -> Interface {
        Interface { id, snap_length, name, description, fcs_length }
    }
}

prop_compose! {
    fn any_extras()(
        interface in prop::option::of(any_interface()),
        comments in prop::collection::vec(any::<String>(), 0..3),
        flags: Option<u32>,
        time_inherited: bool,
    ) -> Extras {
        Extras { interface: interface.map(Arc::new), comments, flags, time_inherited }
    }
}

fn any_timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<u32>().prop_map(|seconds| Timestamp::from_parts(seconds.into(), 999_999_999)),
        any::<u64>().prop_map(|nanoseconds| Timestamp::from_nanoseconds(nanoseconds.into())),
        (any::<i64>(), 0_u64..1_000_000_000)
            .prop_map(|(seconds, nanoseconds)| Timestamp::from_parts(seconds, nanoseconds)),
    ]
}

prop_compose! {
    fn any_packet()(
        timestamp in any_timestamp(),
        link_type in prop_oneof![Just(1), any::<u16>()],
        original_length: u32,
        data in prop::collection::vec(any::<u8>(), 0..40),
        extras in prop::option::of(any_extras()),
    ) -> CapturedPacket {
        CapturedPacket {
            timestamp,
            link_type: LinkType(link_type),
            original_length,
            data: data.into(),
            extras: extras.map(Arc::new),
        }
    }
}

/// All that pcapng can say of a packet: all but the interface's number, where packets of
/// interfaces do not come in the order of the numbers, and the mark of an inherited time. A
/// packet without an interface gets one that says nothing.
fn in_pcapng(packet: &CapturedPacket) -> CapturedPacket {
    let mut extras = packet.extras.as_deref().cloned().unwrap_or_default();
    let nothing =
        Interface { id: 0, snap_length: 0, name: None, description: None, fcs_length: None };
    let interface = extras.interface.as_deref().cloned().unwrap_or(nothing);
    extras.interface = Some(Arc::new(Interface { id: 0, ..interface }));
    extras.time_inherited = false;
    CapturedPacket { extras: Some(Arc::new(extras)), ..packet.clone() }
}

fn in_pcap(packet: &CapturedPacket) -> CapturedPacket {
    CapturedPacket { extras: None, ..packet.clone() }
}

proptest! {
    #[test]
    fn pcapng_keeps_any_packets(packets in prop::collection::vec(any_packet(), 0..20)) {
        let back: Vec<_> = read_clean(&write(&packets, Format::Pcapng))
            .iter()
            .map(in_pcapng)
            .collect();
        let expected: Vec<_> = packets.iter().map(in_pcapng).collect();
        prop_assert_eq!(back, expected);
    }

    #[test]
    fn pcap_keeps_what_it_can_hold(packets in prop::collection::vec(any_packet(), 1..20)) {
        let file = PcapFile::beginning_with(&packets[0]);
        let (fit, others): (Vec<_>, Vec<_>) = packets
            .into_iter()
            .partition(|packet| needs_pcapng(packet, file).is_none());
        let back: Vec<_> = read_clean(&write(&fit, Format::Pcap)).iter().map(in_pcap).collect();
        let expected: Vec<_> = fit.iter().map(in_pcap).collect();
        prop_assert_eq!(back, expected);
        for packet in others {
            let mut writer = CaptureWriter::new(Vec::new(), Format::Pcap);
            writer.write(&packet).ok();
            let alone = needs_pcapng(&packet, PcapFile::beginning_with(&packet));
            let is_written = writer.finish().unwrap().len() > 24;
            prop_assert_eq!(is_written, !matches!(alone, Some(NeedsPcapng::Time)));
        }
    }

    #[test]
    fn any_bytes_are_read_to_an_end(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for head in [&b"\xd4\xc3\xb2\xa1\x02\0\x04\0"[..], b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a"] {
            bytes.splice(..head.len().min(bytes.len()), head.iter().copied());
            if let Ok(reader) = crate::capture::CaptureReader::new(io::Cursor::new(bytes.clone())) {
                prop_assert!(reader.count() <= bytes.len());
            }
        }
    }
}

#[test]
fn everything_comes_back_when_interfaces_come_in_their_order() {
    let [first, second] = [interface(0, "eth0"), interface(1, "eth1")].map(Arc::new);
    let of = |interface: &Arc<Interface>, comments: &[&str], flags| {
        with_extras(Extras {
            interface: Some(Arc::clone(interface)),
            comments: comments.iter().map(|&comment| comment.to_owned()).collect(),
            flags,
            time_inherited: false,
        })
    };
    let packets = [
        of(&first, &[], None),
        of(&second, &["one", "two"], Some(2)),
        of(&first, &[""], Some(0)),
        of(&second, &[], None),
    ];
    assert_eq!(read_clean(&write(&packets, Format::Pcapng)), packets);
}

#[test]
fn captures_of_no_packets_are_captures() {
    for format in [Format::Pcap, Format::Pcapng] {
        assert!(read_clean(&write(&[], format)).is_empty());
    }
}

#[test]
fn a_pcap_file_is_in_little_endian_nanoseconds() {
    let bytes = write(&[packet()], Format::Pcap);
    let expected = b"\x4d\x3c\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0\
        \x00\xf1\x53\x65\x15\xcd\x5b\x07\x05\0\0\0\x3c\0\0\0abcde";
    assert_eq!(bytes, expected);
}

#[test]
fn a_frame_check_sequence_length_is_kept_by_pcap() {
    let interface = Interface { fcs_length: Some(4), ..interface(0, "eth0") };
    let extras = Extras { interface: Some(Arc::new(interface)), ..Extras::default() };
    let back = read_clean(&write(&[with_extras(extras)], Format::Pcap));
    assert_eq!(back[0].interface().unwrap().fcs_length, Some(4));
}

#[test]
fn a_comment_too_long_for_an_option_is_kept_in_parts() {
    let comments = vec!["ü".repeat(40_000)];
    let back = read_clean(&write(
        &[with_extras(Extras { comments: comments.clone(), ..Extras::default() })],
        Format::Pcapng,
    ));
    assert_eq!(back[0].comments().len(), 2);
    assert_eq!(back[0].comments().concat(), comments[0]);
}

#[test]
fn what_pcap_would_lose_needs_pcapng() {
    let file = PcapFile::beginning_with(&packet());
    let comments = Extras { comments: vec!["seen".to_owned()], ..Extras::default() };
    let fcs = Interface { fcs_length: Some(4), ..interface(0, "eth0") };
    let fcs = Extras { interface: Some(Arc::new(fcs)), ..Extras::default() };
    let named = Extras {
        interface: Some(Arc::new(interface(7, "eth0"))),
        flags: Some(1),
        ..Extras::default()
    };
    let at = |timestamp| CapturedPacket { timestamp, ..packet() };
    for (packet, expected) in [
        (packet(), None),
        (with_extras(named), None),
        (CapturedPacket { link_type: LinkType::RAW, ..packet() }, Some(NeedsPcapng::LinkType)),
        (at(Timestamp::from_nanoseconds(-1)), Some(NeedsPcapng::Time)),
        (at(Timestamp::from_parts(1 << 32, 0)), Some(NeedsPcapng::Time)),
        (at(Timestamp::from_parts((1 << 32) - 1, 999_999_999)), None),
        (CapturedPacket { data: vec![0; 262_145].into(), ..packet() }, Some(NeedsPcapng::Length)),
        (CapturedPacket { data: vec![0; 262_144].into(), ..packet() }, None),
        (with_extras(comments), Some(NeedsPcapng::Comments)),
        (with_extras(fcs), Some(NeedsPcapng::FcsLength)),
    ] {
        assert_eq!(needs_pcapng(&packet, file), expected);
    }
}

#[test]
fn a_packet_that_does_not_fit_is_refused_and_leaves_the_file_whole() {
    let mut writer = CaptureWriter::new(Vec::new(), Format::Pcap);
    writer.write(&packet()).unwrap();
    let other = CapturedPacket { link_type: LinkType::RAW, ..packet() };
    let error = writer.write(&other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.get_ref().unwrap().is::<NeedsPcapng>());
    writer.write(&packet()).unwrap();
    assert_eq!(read_clean(&writer.finish().unwrap()), [packet(), packet()]);
}

#[derive(Debug)]
struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_seen_as_such() {
    let large = CapturedPacket { data: vec![0; 200_000].into(), ..packet() };
    for format in [Format::Pcap, Format::Pcapng] {
        let mut writer = CaptureWriter::new(ClosedPipe, format);
        assert_eq!(writer.write(&large).unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut writer = CaptureWriter::new(ClosedPipe, format);
        writer.write(&packet()).unwrap();
        assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn flushed_packets_have_left_the_buffer() {
    for format in [Format::Pcap, Format::Pcapng] {
        let mut output = Vec::new();
        let mut writer = CaptureWriter::new(&mut output, format);
        writer.write(&packet()).unwrap();
        writer.flush().unwrap();
        std::mem::forget(writer);
        assert_eq!(read_clean(&output).len(), 1);
    }
}
