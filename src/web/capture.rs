//! Downloads: the selected packets as a capture file.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, stream};

use crate::capture::{CaptureWriter, Format};
use crate::query::Query;
use crate::store::Breakdown;
use crate::web::App;
use crate::web::budget::Packets;
use crate::web::error::ApiError;
use crate::web::parameters::Parameters;

/// Bytes that are sent together, unless the store has no more at the moment.
const CHUNK: usize = 64 << 10;
/// Bytes of the header of a pcap file, and of each of its records.
const FILE_HEADER: u64 = 24;
const RECORD_HEADER: u64 = 16;

pub(super) async fn pcap(
    State(app): State<Arc<App>>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    download(&app, parameters.query()?, Format::Pcap).await
}

pub(super) async fn pcapng(
    State(app): State<Arc<App>>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    download(&app, parameters.query()?, Format::Pcapng).await
}

async fn download(app: &App, query: Query, format: Format) -> Result<Response, ApiError> {
    let known = app.store.aggregate(&query, Breakdown::default()).await?;
    let mut headers = HeaderMap::new();
    if let Some(counts) = known {
        let budget = app.budgets.download;
        if budget.packets.is_some_and(|most| counts.packets > most)
            || budget.bytes.is_some_and(|most| counts.captured_bytes > most)
        {
            let (packets, bytes) = (counts.packets, counts.captured_bytes);
            let error = format!("download: {packets} packets with {bytes} bytes are too many");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
                .hint("ask for less: a shorter time, or a narrower filter"));
        }
        headers.insert("x-pcap-archiver-packets", counts.packets.into());
        if format == Format::Pcap {
            let bytes = FILE_HEADER + counts.packets * RECORD_HEADER + counts.captured_bytes;
            headers.insert("x-pcap-archiver-bytes", bytes.into());
        }
    }
    let (media_type, extension) = match format {
        Format::Pcap => ("application/vnd.tcpdump.pcap", "pcap"),
        Format::Pcapng => ("application/x-pcapng", "pcapng"),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = format!("attachment; filename=\"fetch-{now}.{extension}\"");
    let name = HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    let packets = Packets::new(app.store.as_ref(), &query, app.budgets.download);
    let chunks = stream::try_unfold(Some(Download::new(packets, format)), |download| async {
        match download {
            Some(download) => download.chunk().await,
            None => Ok(None),
        }
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// A capture file that is written as it is read. An error ends the connection, so that half a
/// file is not taken for a whole one.
struct Download {
    packets: Packets,
    writer: CaptureWriter<Pieces>,
    pieces: Pieces,
}

impl Download {
    fn new(packets: Packets, format: Format) -> Self {
        let pieces = Pieces::default();
        Self { packets, writer: CaptureWriter::new(pieces.clone(), format), pieces }
    }

    /// The next bytes: what is there at once, not more than a chunk and a packet.
    async fn chunk(mut self) -> io::Result<Option<(Bytes, Option<Self>)>> {
        let mut next = self.packets.next().await;
        let mut written = 0;
        loop {
            let Some(record) = next.map_err(io::Error::other)? else { return self.end() };
            self.writer.write(&record.stored.packet)?;
            written += record.stored.packet.data.len();
            if written >= CHUNK {
                break;
            }
            match self.packets.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        self.writer.flush()?;
        Ok(Some((self.pieces.take(), Some(self))))
    }

    fn end(self) -> io::Result<Option<(Bytes, Option<Self>)>> {
        if let Some(stopped) = self.packets.stopped() {
            return Err(io::Error::other(stopped.message));
        }
        self.writer.finish()?;
        Ok(Some((self.pieces.take(), None)))
    }
}

/// What the writer wrote, for the body to take.
#[derive(Debug, Clone, Default)]
struct Pieces(Arc<Mutex<Vec<u8>>>);

impl Pieces {
    fn take(&self) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::from(std::mem::take(&mut *bytes))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
