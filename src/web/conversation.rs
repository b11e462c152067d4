//! What both ends of a conversation said.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::decode;
use crate::describe::is_harmful;
use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::PacketRecord;
use crate::query::{FieldCondition, FieldTest, Order, Predicate, Query};
use crate::store::{PacketStore, StoreResult};
use crate::web::App;
use crate::web::access::Caller;
use crate::web::budget::{Budget, Packets, Stopped};
use crate::web::cursor::Cursor;
use crate::web::error::ApiError;
use crate::web::parameters::Parameters;

/// Packets in one answer.
const SEGMENTS: usize = 500;
/// Bytes of text in one answer, beyond which it has no further packet, and in one packet.
const TEXT: usize = 1 << 20;
const LONGEST_TEXT: usize = 64 << 10;

/// A conversation, packet by packet.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Conversation {
    community_id: String,
    /// The sender of its first packet, and the other one; ports where there are any.
    ends: Vec<String>,
    segments: Vec<Segment>,
    /// For the next page; null at the end.
    next: Option<String>,
    stopped: Option<Stopped>,
}

/// One packet of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Segment {
    /// Id of the packet.
    packet: String,
    timestamp: String,
    /// Which of the ends sent it.
    from: u8,
    /// Of the payload.
    bytes: usize,
    /// The payload as text; a dot for each byte that is none.
    text: String,
    /// Whether the text ends before the payload does.
    cut: bool,
}

pub(super) async fn conversation(
    State(app): State<Arc<App>>,
    Path(community_id): Path<String>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Conversation>, ApiError> {
    let is_of_conversation = FieldTest {
        field: FieldId::NetworkCommunityId,
        condition: FieldCondition::Equals(Value::Text(community_id.clone().into())),
    };
    let query = Query {
        filter: Predicate::Field(is_of_conversation).into(),
        time: parameters.time()?,
        order: Order::Time,
    };
    let store = caller.store.as_ref();
    let mut ends = match parameters.one("cursor")? {
        Some(_) => first_ends(store, &query, app.budgets.query).await?,
        None => None,
    };
    let mut packets = Cursor::packets(&parameters, query, store, app.budgets.query)?;
    let mut segments = Vec::new();
    let mut length = 0;
    while segments.len() < SEGMENTS
        && length < TEXT
        && let Some(record) = packets.next().await?
    {
        let Some(of_packet) = Ends::of(&record) else { continue };
        let ends = ends.get_or_insert_with(|| of_packet.clone());
        let segment = segment(&record, u8::from(of_packet.source != ends.source));
        length += segment.text.len();
        segments.push(segment);
    }
    let (next, stopped) = packets.end().await?;
    let Some(Ends { source, destination }) = ends else {
        if let Some(stopped) = stopped {
            return Err(ApiError::new(StatusCode::GATEWAY_TIMEOUT, stopped.message));
        }
        let error = format!("conversation {community_id}: there is no packet of it");
        return Err(ApiError::new(StatusCode::NOT_FOUND, error));
    };
    Ok(Json(Conversation {
        community_id,
        ends: vec![source, destination],
        segments,
        next,
        stopped,
    }))
}

/// The ends as the first page has them: that of a later one may begin with the other's packet.
async fn first_ends(
    store: &dyn PacketStore,
    query: &Query,
    budget: Budget,
) -> StoreResult<Option<Ends>> {
    let mut packets = Packets::new(store, query, budget);
    while let Some(record) = packets.next().await? {
        if let Some(ends) = Ends::of(&record) {
            return Ok(Some(ends));
        }
    }
    Ok(None)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ends {
    source: String,
    destination: String,
}

impl Ends {
    fn of(record: &PacketRecord) -> Option<Self> {
        let network = record.layers.innermost()?;
        let ports = network.transport.and_then(|transport| transport.ports());
        let end = |address: std::net::IpAddr, port: Option<u16>| match port {
            Some(port) => std::net::SocketAddr::new(address, port).to_string(),
            None => address.to_string(),
        };
        Some(Self {
            source: end(network.source, ports.map(|(source, _)| source)),
            destination: end(network.destination, ports.map(|(_, destination)| destination)),
        })
    }
}

fn segment(record: &PacketRecord, from: u8) -> Segment {
    let packet = &record.stored.packet;
    let (_, parts) = decode::outline(packet);
    let payload = parts.iter().find(|part| part.is_payload).map(|part| part.bytes.clone());
    let payload = payload.and_then(|bytes| packet.data.get(bytes)).unwrap_or_default();
    Segment {
        packet: record.stored.id().to_string(),
        timestamp: packet.timestamp.to_string(),
        from,
        bytes: payload.len(),
        text: readable(payload.get(..LONGEST_TEXT).unwrap_or(payload)),
        cut: payload.len() > LONGEST_TEXT,
    }
}

/// Text as it is, with its line ends; a dot for each byte or character that cannot be shown.
fn readable(payload: &[u8]) -> String {
    let mut text = String::with_capacity(payload.len());
    for chunk in payload.utf8_chunks() {
        let shown = chunk.valid().chars().filter(|character| *character != '\r');
        text.extend(shown.map(|character| match character {
            '\n' | '\t' => character,
            character if is_harmful(character) => '·',
            character => character,
        }));
        text.extend(chunk.invalid().iter().map(|_| '·'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_dots() {
        assert_eq!(readable(b"GET / \r\n\x00\x1b\xff\xfe<b>"), "GET / \n····<b>");
        assert_eq!(readable("é\u{202e}x".as_bytes()), "é·x");
    }
}
