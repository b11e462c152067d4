//! Downloads: the selected packets as a capture file.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::capture::Format;
use crate::query::Query;
use crate::store::{Breakdown, Counts, PacketStore, StoreResult};
use crate::web::App;
use crate::web::access::Caller;
use crate::web::audit;
use crate::web::budget::{Budget, Packets};
use crate::web::capture::{CaptureStream, First, Record};
use crate::web::error::ApiError;
use crate::web::parameters::{Parameters, Resolved};
use crate::web::slots::Refused;

/// How long a packet that is there waits for the number of all of them.
const PATIENCE: Duration = Duration::from_millis(100);
/// Seconds; when a download ends nobody knows.
const RETRY_AFTER: u64 = 10;
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
        // The body has no length. Without chunks its end would be that of the connection, so that a
        // file which was cut off looked whole.
        if parts.version < Version::HTTP_11 {
            let error = "download: HTTP/1.0 cannot tell a whole file from one that was cut off";
            return Err(ApiError::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, error)
                .hint("use HTTP/1.1; for nginx that is `proxy_http_version 1.1`"));
        }
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
    let slot = app.downloads.begin(user.as_deref(), address.ip()).map_err(|refused| {
        let user = user.as_deref().unwrap_or("-");
        tracing::warn!(user, address = %address.ip(), ?refused, "download is refused");
        busy(&refused)
    })?;
    let Resolved { query, .. } =
        parameters.resolved_query(store.as_ref(), app.budgets.query).await?;
    let budget = app.budgets.download;
    let mut packets = Packets::new(store.as_ref(), &query, budget);
    let (first, counts) = begin(store.as_ref(), &query, &mut packets, budget).await?;
    let mut headers = HeaderMap::new();
    if let Some(counts) = counts {
        refuse_too_much(&counts, budget)?;
        headers.insert("x-pcap-archiver-packets", counts.packets.into());
        if format == Format::Pcap {
            refuse_mixture(&counts)?;
            let bytes = FILE_HEADER + counts.packets * RECORD_HEADER + counts.captured_bytes;
            headers.insert("x-pcap-archiver-bytes", bytes.into());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(format)));
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = format!("attachment; filename=\"fetch-{now}.{format}\"");
    let name = HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    let download =
        audit::Download { user, address: address.ip(), query: text, format: format.to_string() };
    app.audit.download_begins(&download).map_err(|error| {
        tracing::error!(%error, "cannot write to the audit file");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "download: it cannot be written down")
    })?;
    let record = Record::new(app.clone(), download, slot);
    let file = CaptureStream::new(first, packets, format, record);
    Ok((headers, Body::from_stream(file.into_chunks())).into_response())
}

fn busy(refused: &Refused) -> ApiError {
    let error = match refused {
        Refused::NoneLeft => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "download: too many at once")
                .hint("try again when another one has ended")
        }
        Refused::Share(mine) => {
            let error = format!("download: {mine} of yours go on, and the rest is for others");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, error)
                .hint("try again when one of them has ended")
        }
    };
    error.retry_after(RETRY_AFTER)
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Pcap => "application/vnd.tcpdump.pcap",
        Format::Pcapng => "application/x-pcapng",
    }
}

/// The first packet where it has been read, and what is to come where it was counted. Both are
/// asked for at once. Counting all packets may take longer than reading the first: then it is
/// waited for a moment, and without end only where a budget depends on it.
async fn begin(
    store: &dyn PacketStore,
    query: &Query,
    packets: &mut Packets,
    budget: Budget,
) -> StoreResult<(Option<First>, Option<Counts>)> {
    let mut counting = store.aggregate(query, Breakdown::default());
    if budget.packets.is_some() || budget.bytes.is_some() {
        return Ok((None, counting.await?));
    }
    let first = tokio::select! {
        counts = &mut counting => return Ok((None, counts?)),
        first = packets.next() => first?,
    };
    let counts = match timeout(PATIENCE, counting).await {
        Ok(counts) => counts?,
        Err(_) => None,
    };
    Ok((Some(First(first)), counts))
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
