//! Reading and decoding alone, on as many threads as the ingest has: what every ingest costs at
//! least.

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pcap_archiver::capture::CaptureReader;
use pcap_archiver::decode::decode;
use pcap_archiver::packet::CapturedPacket;

/// About what the ingest decodes at once.
const BATCH_PACKETS: usize = 4096;

pub(super) fn run(capture: &Path) -> Result<(), Box<dyn Error>> {
    let mut reader = CaptureReader::open(capture)?;
    let workers = thread::available_parallelism()?.get();
    let (batches_out, batches) = sync_channel(2 * workers);
    let batches = Mutex::new(batches);
    let mut packets = 0;
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        for _ in 0..workers {
            scope.spawn(|| decode_all(&batches));
        }
        // It is dropped at the end, also with an error: then the workers end.
        let batches_out = batches_out;
        let mut batch = Vec::with_capacity(BATCH_PACKETS);
        while let Some((_, packet)) = reader.next_packet()? {
            packets += 1;
            batch.push(packet);
            if batch.len() == BATCH_PACKETS {
                batches_out.send(batch)?;
                batch = Vec::with_capacity(BATCH_PACKETS);
            }
        }
        batches_out.send(batch)?;
        Ok(())
    })?;
    writeln!(std::io::stdout(), "{packets}")?;
    Ok(())
}

fn decode_all(batches: &Mutex<Receiver<Vec<CapturedPacket>>>) {
    loop {
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = next else { return };
        for packet in &batch {
            black_box(decode(black_box(packet)));
        }
    }
}
