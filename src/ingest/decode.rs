//! Packets → records: identity and layers, on several threads, in order.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::{self, Either};
use futures::stream::FuturesOrdered;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use crate::decode::{self, Fragments};
use crate::ingest::read::Numbered;
use crate::ingest::{OpenCapture, Share, Step};
use crate::packet::{Origin, PacketId, PacketRecord, StoredPacket};

/// Steps that are looked at together.
const READY: usize = 1024;
/// Packet bytes of a batch: a few megabytes is where Elasticsearch's bulk rate stops growing.
const BATCH_BYTES: usize = 3 << 20;
/// Packets of a batch, so that tiny packets do not make huge ones.
const BATCH_PACKETS: usize = 8192;

/// Decodes until the input closes.
///
/// # Errors
/// When a batch was lost to a panic: what follows must not be taken for all there was.
pub(super) async fn decode(
    mut packets: mpsc::Receiver<Step<Numbered>>,
    records: mpsc::Sender<Step<PacketRecord>>,
    workers: usize,
) -> Result<(), JoinError> {
    let mut working = FuturesOrdered::new();
    let mut ready = Vec::new();
    let mut open = true;
    let mut readings = HashMap::new();
    while open || !working.is_empty() {
        tokio::select! {
            count = packets.recv_many(&mut ready, READY), if open && working.len() < workers => {
                open = count > 0;
                for step in gather(&mut ready) {
                    working.push_back(match step {
                        Step::End(end) => Either::Left(future::ready(Ok(Step::End(end)))),
                        Step::Packets { capture, packets, share } => {
                            let decode = move || decode_packets(capture, packets, share);
                            Either::Right(spawn_blocking(decode))
                        }
                    });
                }
            }
            Some(decoded) = working.next(), if !working.is_empty() => {
                let mut step = decoded?;
                join_fragments(&mut readings, &mut step);
                if records.send(step).await.is_err() {
                    // The writer is gone: the rest has nowhere to go.
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Gives later fragments the ports of their first, which may stand in an earlier batch, or behind
/// them in the same.
fn join_fragments(readings: &mut HashMap<u64, Fragments>, step: &mut Step<PacketRecord>) {
    match step {
        Step::Packets { capture, packets, .. } => {
            readings.entry(capture.reading).or_default().apply_to_all(packets);
        }
        Step::End(end) if end.concluded => {
            readings.remove(&end.reading);
        }
        Step::End(_) => {}
    }
}

/// Joins what belongs to the same capture into batches; a stream comes packet by packet.
fn gather(ready: &mut Vec<Step<Numbered>>) -> Vec<Step<Numbered>> {
    let mut gathered: Vec<Step<Numbered>> = Vec::new();
    let mut bytes = 0;
    for step in ready.drain(..) {
        let Step::Packets { capture, mut packets, share } = step else {
            gathered.push(step);
            continue;
        };
        let more: usize = packets.iter().map(|numbered| numbered.packet.data.len()).sum();
        match gathered.last_mut() {
            Some(Step::Packets { capture: last, packets: batch, share: shares })
                if Arc::ptr_eq(last, &capture)
                    && bytes + more <= BATCH_BYTES
                    && batch.len() + packets.len() <= BATCH_PACKETS =>
            {
                batch.append(&mut packets);
                shares.merge(share);
                bytes += more;
            }
            _ => {
                gathered.push(Step::Packets { capture, packets, share });
                bytes = more;
            }
        }
    }
    gathered
}

fn decode_packets(
    capture: Arc<OpenCapture>,
    packets: Vec<Numbered>,
    share: Share,
) -> Step<PacketRecord> {
    let packets = packets.into_iter().map(|numbered| record(&capture, numbered)).collect();
    Step::Packets { capture, packets, share }
}

fn record(open: &OpenCapture, numbered: Numbered) -> PacketRecord {
    let Numbered { frame, packet } = numbered;
    let origin = Origin { capture: open.capture, frame, source: open.source.clone() };
    let layers = decode::decode(&packet);
    // Everyone behind asks for it, and here several packets are hashed at once.
    let id = PacketId::of(open.capture, frame, &packet);
    PacketRecord { stored: StoredPacket::with_id(id, packet, origin), layers }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::ingest::open_capture_for_tests;
    use crate::packet::{CapturedPacket, LinkType, Timestamp};

    /// A fragment of a datagram from port 5 to port 6, at this place in units of 8 bytes.
    fn fragment(number: u64, place: u8) -> Step<PacketRecord> {
        let header = [0x45, 0, 0, 28, 0, 1, 0x20, place, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        let data = [&header, &[0, 5, 0, 6, 0, 48, 0, 0][..]].concat();
        let packet = CapturedPacket {
            timestamp: Timestamp::default(),
            link_type: LinkType::RAW,
            original_length: 28,
            data: Bytes::from(data),
            extras: None,
        };
        let capture = Arc::new(OpenCapture { reading: number, ..open_capture_for_tests() });
        let packets = vec![Numbered { frame: 1, packet }];
        decode_packets(capture, packets, Share::default())
    }

    fn ports(captures: &mut HashMap<u64, Fragments>, mut step: Step<PacketRecord>) -> Vec<bool> {
        join_fragments(captures, &mut step);
        let Step::Packets { packets, .. } = step else { panic!("packets stay packets") };
        packets.iter().map(|record| record.layers.fragment_ports == Some((5, 6))).collect()
    }

    #[test]
    fn fragments_find_their_first_in_an_earlier_batch_of_the_same_capture() {
        let mut captures = HashMap::new();
        assert_eq!(ports(&mut captures, fragment(1, 1)), [false], "before the first");
        assert_eq!(ports(&mut captures, fragment(1, 0)), [false], "has ports of its own");
        assert_eq!(ports(&mut captures, fragment(1, 1)), [true]);
        assert_eq!(ports(&mut captures, fragment(2, 1)), [false], "another capture");
        assert_eq!(captures.len(), 2);
    }

    #[test]
    fn fragments_find_their_first_behind_them_in_the_same_batch() {
        let batch = [fragment(1, 2), fragment(1, 1), fragment(1, 0), fragment(1, 1)];
        let batch = batch.into_iter().reduce(|mut batch, step| {
            let Step::Packets { packets: more, .. } = step else { panic!("packets") };
            let Step::Packets { packets, .. } = &mut batch else { panic!("packets") };
            packets.extend(more);
            batch
        });
        let found = ports(&mut HashMap::new(), batch.unwrap());
        assert_eq!(found, [true, true, false, true], "the first has ports of its own");
    }
}
