//! Packets, a page at a time, and one packet as a whole.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64_simd::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::describe::Info;
use crate::document::Document;
use crate::document::fields::FieldId;
use crate::packet::{CommunityId, PacketId, PacketRecord};
use crate::query::{Filter, Order, Predicate, Query};
use crate::store::aggregate::protocol;
use crate::web::App;
use crate::web::access::Caller;
use crate::web::budget::{Packets, Stopped};
use crate::web::cursor::Cursor;
use crate::web::error::ApiError;
use crate::web::layers::{self, Layer};
use crate::web::parameters::{Parameters, Resolved};
use crate::web::routes::LIMIT;

/// A row of the table of packets. What is absent is null.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    id: String,
    timestamp: String,
    /// Address, or MAC address where there is none.
    source: Option<String>,
    destination: Option<String>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    protocol: String,
    /// Bytes on the wire.
    length: u32,
    captured_length: u32,
    info: String,
    link_type: String,
    /// Number in the capture file.
    frame: u64,
    file: String,
    community_id: Option<String>,
}

/// Packets in order.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Page {
    packets: Vec<Row>,
    /// For the next page; null at the end.
    next: Option<String>,
    stopped: Option<Stopped>,
    /// What has to be known about the query: a host name without an address.
    notes: Vec<String>,
}

/// One packet.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct View {
    packet: Row,
    /// Outermost first.
    layers: Vec<Layer>,
    /// The stored document without the bytes.
    fields: Value,
    /// The captured bytes in base64.
    data: String,
}

impl Row {
    pub(super) fn of(record: &PacketRecord) -> Self {
        let (stored, layers) = (&record.stored, &record.layers);
        let network = layers.innermost();
        let mac = |mac: Option<crate::packet::MacAddress>| mac.map(|mac| mac.to_string());
        let ports =
            network.and_then(|network| network.transport?.ports()).or(layers.fragment_ports);
        Self {
            id: stored.id().to_string(),
            timestamp: stored.packet.timestamp.to_string(),
            source: network
                .map(|network| network.source.to_string())
                .or_else(|| mac(layers.source_mac)),
            destination: network
                .map(|network| network.destination.to_string())
                .or_else(|| mac(layers.destination_mac)),
            source_port: ports.map(|(source, _)| source),
            destination_port: ports.map(|(_, destination)| destination),
            protocol: protocol(record),
            length: stored.packet.original_length,
            captured_length: stored.packet.captured_length(),
            info: Info(record).to_string(),
            link_type: stored.packet.link_type.to_string(),
            frame: stored.origin.frame,
            file: stored.origin.source.file_name.clone(),
            community_id: CommunityId::of(layers).map(|id| id.to_string()),
        }
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page>, ApiError> {
    let limit = parameters.number(&LIMIT)?;
    let Resolved { query, notes } =
        parameters.resolved_query(caller.store.as_ref(), app.budgets.query).await?;
    let mut pages = Cursor::packets(&parameters, query, caller.store.as_ref(), app.budgets.query)?;
    let mut rows = Vec::new();
    while rows.len() < limit
        && let Some(record) = pages.next().await?
    {
        rows.push(Row::of(&record));
    }
    let (next, stopped) = pages.end().await?;
    Ok(Json(Page { packets: rows, next, stopped, notes }))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<View>, ApiError> {
    let not_found = |why| ApiError::new(StatusCode::NOT_FOUND, format!("packet {id}: {why}"));
    let packet_id = PacketId::parse(&id).ok_or_else(|| not_found("this is no id of a packet"))?;
    let query = Query {
        filter: Filter::Is(Predicate::Id(packet_id)),
        time: parameters.time()?,
        order: Order::Time,
    };
    let mut packets = Packets::new(caller.store.as_ref(), &query, app.budgets.query);
    match packets.next().await? {
        Some(record) => Ok(Json(view(&record)?)),
        None => match packets.stopped() {
            Some(stopped) => Err(ApiError::new(StatusCode::GATEWAY_TIMEOUT, stopped.message)),
            None => Err(not_found("not in the archive")
                .hint("was it removed by a prune, or does the time not fit?")),
        },
    }
}

fn view(record: &PacketRecord) -> Result<View, ApiError> {
    let mut document = Document::of(record);
    document.remove(FieldId::PacketData);
    let mut json = Vec::new();
    document.write_json(&mut json);
    let fields = serde_json::from_slice(&json).map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("show packet: {error}"))
    })?;
    Ok(View {
        packet: Row::of(record),
        layers: layers::of(record),
        fields,
        data: STANDARD.encode_to_string(&record.stored.packet.data),
    })
}
