use std::sync::Arc;

use super::*;
use crate::packet::LinkType;
use crate::testing::CaptureBuilder;

fn records(lengths: impl IntoIterator<Item = usize>) -> Arc<Vec<PacketRecord>> {
    let add = |capture: CaptureBuilder, (number, length)| {
        capture.packet(number, LinkType(147), vec![0; length])
    };
    (0..).zip(lengths).fold(CaptureBuilder::new("a"), add).records()
}

fn sizes(lengths: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let records = records(lengths);
    let units = units(&records.iter().collect::<Vec<_>>(), Layout::Singles);
    pieces(&units).into_iter().map(<[_]>::len).collect()
}

#[test]
fn pieces_have_few_documents_and_few_bytes() {
    assert_eq!(sizes([0; 130]), [64, 64, 2]);
    assert_eq!(sizes([BYTES_PER_CHUNK / 2; 5]), [2, 2, 1]);
    assert_eq!(sizes([1, BYTES_PER_CHUNK * 2, 1]), [1, 1, 1], "alone, and not left out");
    assert_eq!(sizes([]), [0; 0]);
}

#[test]
fn each_packet_is_handed_over_once() {
    let records = records(std::iter::repeat_n(10, 1_000));
    let packets: Vec<&PacketRecord> = records.iter().collect();
    let mut documents = 0;
    let counted = super::documents(&packets, MadeAs::default(), |chunk| {
        documents += chunk.documents.len();
        Ok(())
    });
    counted.unwrap();
    assert_eq!(documents, 1_000);
}

#[test]
fn what_cannot_be_handed_over_ends_the_making() {
    let records = records(std::iter::repeat_n(10, 10_000));
    let packets: Vec<&PacketRecord> = records.iter().collect();
    let mut chunks = 0;
    let failed = super::documents(&packets, MadeAs::default(), |_| {
        chunks += 1;
        Err(internal("full"))
    });
    failed.unwrap_err();
    assert_eq!(chunks, 1);
}
