//! Downloads: the selected packets as a capture file.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, stream};
use ring::digest;
use tokio::sync::OwnedSemaphorePermit;

use crate::capture::{CaptureWriter, Format};
use crate::store::{Breakdown, Counts};
use crate::web::App;
use crate::web::access::Caller;
use crate::web::audit;
use crate::web::budget::{Budget, Packets};
use crate::web::error::ApiError;
use crate::web::parameters::Parameters;

/// Bytes that are sent together, unless the store has no more at the moment.
const CHUNK: usize = 64 << 10;
/// Bytes of the header of a pcap file, and of each of its records.
const FILE_HEADER: u64 = 24;
const RECORD_HEADER: u64 = 16;

pub(super) async fn pcap(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    download(&app, caller, request, Format::Pcap).await
}

pub(super) async fn pcapng(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    download(&app, caller, request, Format::Pcapng).await
}

/// What a download needs of its request.
pub(super) struct Request {
    address: SocketAddr,
    parameters: Parameters,
    text: String,
}

impl FromRequestParts<Arc<App>> for Request {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let address = ConnectInfo::<SocketAddr>::from_request_parts(parts, app).await;
        let ConnectInfo(address) = address.map_err(|error| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("download: {error}"))
        })?;
        let text = parts.uri.query().unwrap_or_default().to_owned();
        let parameters = Parameters::from_request_parts(parts, app).await?;
        Ok(Self { address, parameters, text })
    }
}

async fn download(
    app: &Arc<App>,
    Caller { user, store }: Caller,
    Request { address, parameters, text }: Request,
    format: Format,
) -> Result<Response, ApiError> {
    let Ok(permit) = app.downloads.clone().try_acquire_owned() else {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "download: too many at once")
            .hint("try again when another one has ended"));
    };
    let query = parameters.query()?;
    let mut headers = HeaderMap::new();
    if let Some(counts) = store.aggregate(&query, Breakdown::default()).await? {
        refuse_too_much(&counts, app.budgets.download)?;
        headers.insert("x-pcap-archiver-packets", counts.packets.into());
        if format == Format::Pcap {
            refuse_mixture(&counts)?;
            let bytes = FILE_HEADER + counts.packets * RECORD_HEADER + counts.captured_bytes;
            headers.insert("x-pcap-archiver-bytes", bytes.into());
        }
    }
    let media_type = match format {
        Format::Pcap => "application/vnd.tcpdump.pcap",
        Format::Pcapng => "application/x-pcapng",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = format!("attachment; filename=\"fetch-{now}.{format}\"");
    let name = HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    let record = Record {
        download: audit::Download {
            user,
            address: address.ip(),
            query: text,
            format: format.to_string(),
        },
        app: app.clone(),
        packets: 0,
        bytes: 0,
        hash: digest::Context::new(&digest::SHA256),
        outcome: "the client went away".to_owned(),
        _permit: permit,
    };
    let packets = Packets::new(store.as_ref(), &query, app.budgets.download);
    let file = CaptureStream::new(packets, format, record);
    let chunks = stream::try_unfold(Some(file), |file| async {
        match file {
            Some(file) => file.chunk().await,
            None => Ok(None),
        }
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// What cannot end well is not begun.
fn refuse_too_much(counts: &Counts, budget: Budget) -> Result<(), ApiError> {
    let (packets, bytes) = (counts.packets, counts.captured_bytes);
    let limits = [(budget.packets, packets, "packets"), (budget.bytes, bytes, "bytes")];
    for (limit, found, unit) in limits {
        if let Some(limit) = limit.filter(|limit| found > *limit) {
            let error = format!("download: {found} {unit} are more than the {limit} allowed");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
                .hint("ask for less: a shorter time, or a narrower filter"));
        }
    }
    Ok(())
}

/// A pcap file has one link type.
fn refuse_mixture(counts: &Counts) -> Result<(), ApiError> {
    if counts.link_types.len() <= 1 {
        return Ok(());
    }
    let names: Vec<String> = counts.link_types.iter().map(ToString::to_string).collect();
    let error = format!("download: a pcap file cannot hold packets of {}", names.join(" and "));
    Err(ApiError::new(StatusCode::CONFLICT, error).hint("ask for pcapng, which holds every packet"))
}

/// A capture file that is written as it is read. An error ends the connection, so that half a
/// file is not taken for a whole one.
struct CaptureStream {
    packets: Packets,
    /// Until the file is complete.
    writer: Option<CaptureWriter<Pieces>>,
    pieces: Pieces,
    record: Record,
}

impl CaptureStream {
    fn new(packets: Packets, format: Format, record: Record) -> Self {
        let pieces = Pieces::default();
        let writer = Some(CaptureWriter::new(pieces.clone(), format));
        Self { packets, writer, pieces, record }
    }

    /// The next bytes: what is there at once, not more than a chunk and a packet.
    async fn chunk(mut self) -> io::Result<Option<(Bytes, Option<Self>)>> {
        match self.read().await {
            Ok(goes_on) => {
                let bytes = self.pieces.take();
                self.record.sent(&bytes);
                if goes_on {
                    return Ok(Some((bytes, Some(self))));
                }
                "complete".clone_into(&mut self.record.outcome);
                Ok(Some((bytes, None)))
            }
            Err(error) => {
                self.record.outcome = error.to_string();
                tracing::warn!(%error, "download breaks off");
                Err(error)
            }
        }
    }

    /// Whether there is more.
    async fn read(&mut self) -> io::Result<bool> {
        let Some(mut writer) = self.writer.take() else { return Ok(false) };
        let mut next = self.packets.next().await;
        let mut written = 0;
        loop {
            let Some(record) = next.map_err(io::Error::other)? else {
                if let Some(stopped) = self.packets.stopped() {
                    return Err(io::Error::other(stopped.message));
                }
                writer.finish()?;
                return Ok(false);
            };
            writer.write(&record.stored.packet)?;
            self.record.packets += 1;
            written += record.stored.packet.data.len();
            if written >= CHUNK {
                break;
            }
            match self.packets.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        writer.flush()?;
        self.writer = Some(writer);
        Ok(true)
    }
}

/// What was sent, written down when it is over, however it ends.
struct Record {
    download: audit::Download,
    app: Arc<App>,
    packets: u64,
    bytes: u64,
    hash: digest::Context,
    outcome: String,
    _permit: OwnedSemaphorePermit,
}

impl Record {
    fn sent(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let hash = self.hash.clone().finish();
        let taken = audit::Taken {
            packets: self.packets,
            bytes: self.bytes,
            sha256: hexadecimal(hash.as_ref()),
            outcome: std::mem::take(&mut self.outcome),
        };
        self.app.audit.download(&self.download, &taken);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
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
