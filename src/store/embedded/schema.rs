//! How the stored fields stand in the index: made from [`FIELDS`](crate::document::fields::FIELDS).
//!
//! The packet itself stands in one stored field; all other fields are only there to find it.

use std::sync::LazyLock;

use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, IpAddrOptions, NumericOptions, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};

use crate::document::fields::{FieldId, Kind};
use crate::store;
use crate::store::pushdown::Answering;

/// Name of the stored field, of a packet; it tells an index of this archive from anybody else's.
pub(super) const RECORD: &str = "_record";
/// Name of the stored field, of a stretch of packets.
pub(super) const STRETCH: &str = "_stretch";
/// First and second half of the packet's id.
pub(super) const ID_HIGH: &str = "_id_high";
/// See [`ID_HIGH`].
pub(super) const ID_LOW: &str = "_id_low";
/// The stretch of its capture that a packet stands in: see [`super::known`].
const BLOCK: &str = "_block";
/// Times at and beyond the ends of the index: see [`super::document::exact_time`].
const EXACT_TIME: &str = "_exact_time";
/// Names of the fields that have a text which is too long to be found.
const TOO_LONG: &str = "_too_long";

/// How a field can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// Exact text, as a term.
    Text,
    /// An address, as a term; IPv4 as IPv4-mapped IPv6.
    Ip,
    /// A number, as a term.
    Number,
    /// A number in a column. Few people ask for it alone, so it is not worth a posting list.
    Column,
    /// A flag, as a term.
    Flag,
    /// The 16 bytes of a capture's fingerprint, as a term and in a column.
    Capture,
    /// Terms with spaces between them, in a store that was made to have them.
    Terms,
}

/// The field that answers for `id`: another one where that holds all its values, since an
/// answer may be too large, and each term costs time and space.
pub(super) fn answering(id: FieldId) -> Answering {
    match id {
        FieldId::SourceIp
        | FieldId::DestinationIp
        | FieldId::PacketOuterSourceIp
        | FieldId::PacketOuterDestinationIp => Answering::Other(FieldId::RelatedIp),
        FieldId::NetworkBytes => Answering::Other(FieldId::PacketLength),
        id if search_of(id).is_some() => Answering::Itself,
        _ => Answering::Nothing,
    }
}

/// How `id` is indexed; `None` when it is only kept, or another field answers for it.
fn search_of(id: FieldId) -> Option<Search> {
    let field = id.field();
    if !field.indexed {
        return None;
    }
    Some(match (id, field.kind) {
        (
            FieldId::SourceIp
            | FieldId::DestinationIp
            | FieldId::PacketOuterSourceIp
            | FieldId::PacketOuterDestinationIp
            | FieldId::NetworkBytes,
            _,
        ) => return None,
        (FieldId::PacketCapture, _) => Search::Capture,
        (
            FieldId::SourcePort
            | FieldId::DestinationPort
            | FieldId::PacketOuterSourcePort
            | FieldId::PacketOuterDestinationPort
            | FieldId::PacketIpProtocols,
            _,
        ) => Search::Number,
        (_, Kind::Time | Kind::Date | Kind::Long | Kind::Integer | Kind::Short) => Search::Column,
        (_, Kind::Ip) => Search::Ip,
        (_, Kind::Keyword) => Search::Text,
        (_, Kind::Boolean) => Search::Flag,
        (_, Kind::Terms) => Search::Terms,
        (_, Kind::Binary) => return None,
    })
}

/// The schema and its fields.
#[derive(Debug)]
pub(super) struct Layout {
    schema: Schema,
    pub(super) record: Field,
    pub(super) id_high: Field,
    pub(super) id_low: Field,
    pub(super) block: Field,
    pub(super) exact_time: Field,
    pub(super) too_long: Field,
    by_id: Vec<Option<(Field, Search)>>,
}

/// What a store is made as, once and for all: its schema tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MadeAs {
    /// Whether it has an index of the payload.
    pub(super) payload: bool,
    /// What a document is.
    pub(super) documents: store::Layout,
}

/// The fields of every store; those without an index of the payload lack the last one.
pub(super) static LAYOUT: LazyLock<Layout> = LazyLock::new(|| Layout::new(MadeAs::ALL[0]));
static SCHEMAS: LazyLock<[Schema; 4]> =
    LazyLock::new(|| MadeAs::ALL.map(|kind| Layout::new(kind).schema));

impl MadeAs {
    const ALL: [Self; 4] = [
        Self { payload: true, documents: store::Layout::Singles },
        Self { payload: false, documents: store::Layout::Singles },
        Self { payload: true, documents: store::Layout::Flows },
        Self { payload: false, documents: store::Layout::Flows },
    ];

    /// What a store with this schema was made as; `None` when it is no schema of this version.
    pub(super) fn of(schema: &Schema) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| schema == kind.schema())
    }

    /// The schema of such a store.
    pub(super) fn schema(self) -> &'static Schema {
        let place = Self::ALL.iter().position(|kind| *kind == self);
        &SCHEMAS[place.unwrap_or_default()]
    }
}

impl Layout {
    fn new(kind: MadeAs) -> Self {
        let mut builder = Schema::builder();
        let column = || NumericOptions::default().set_fast();
        let term = || BytesOptions::default().set_indexed();
        let stored = match kind.documents {
            store::Layout::Singles => RECORD,
            store::Layout::Flows => STRETCH,
        };
        let record = builder.add_bytes_field(stored, BytesOptions::default().set_stored());
        let id_high = builder.add_u64_field(ID_HIGH, column());
        let id_low = builder.add_u64_field(ID_LOW, column());
        let block = builder.add_bytes_field(BLOCK, term());
        let exact_time = builder.add_bytes_field(EXACT_TIME, term());
        let too_long = add_text(&mut builder, TOO_LONG, "raw");
        let mut by_id: Vec<Option<(Field, Search)>> = FieldId::ALL
            .iter()
            .map(|id| match search_of(*id)? {
                Search::Terms => None,
                search => Some((add(&mut builder, *id, search), search)),
            })
            .collect();
        if kind.payload {
            // The last, so that all others have the same numbers with it and without.
            let terms = FieldId::PacketPayloadTerms;
            by_id[terms as usize] = Some((add(&mut builder, terms, Search::Terms), Search::Terms));
        }
        Self {
            schema: builder.build(),
            record,
            id_high,
            id_low,
            block,
            exact_time,
            too_long,
            by_id,
        }
    }

    /// The field and how it is indexed; `None` when it is not.
    pub(super) fn field(&self, id: FieldId) -> Option<(Field, Search)> {
        self.by_id[id as usize]
    }
}

fn add(builder: &mut SchemaBuilder, id: FieldId, search: Search) -> Field {
    let name = id.field().name;
    match search {
        Search::Text => add_text(builder, name, "raw"),
        Search::Terms => add_text(builder, name, "whitespace"),
        Search::Ip => builder.add_ip_addr_field(name, IpAddrOptions::default().set_indexed()),
        Search::Number => builder.add_i64_field(name, NumericOptions::default().set_indexed()),
        Search::Column => builder.add_i64_field(name, NumericOptions::default().set_fast()),
        Search::Flag => builder.add_bool_field(name, NumericOptions::default().set_indexed()),
        Search::Capture => {
            builder.add_bytes_field(name, BytesOptions::default().set_indexed().set_fast())
        }
    }
}

fn add_text(builder: &mut SchemaBuilder, name: &str, tokenizer: &str) -> Field {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::fields::FIELDS;

    #[test]
    fn every_field_that_can_be_searched_is_in_the_index() {
        for (id, field) in FieldId::ALL.iter().zip(FIELDS) {
            let answering = match answering(*id) {
                Answering::Itself => Some(*id),
                Answering::Other(other) => {
                    assert_eq!(other.field().kind, field.kind);
                    assert_eq!(super::answering(other), Answering::Itself);
                    Some(other)
                }
                Answering::Nothing => None,
            };
            assert_eq!(answering.is_some(), field.indexed, "{}", field.name);
            let Some((found, _)) = answering.and_then(|id| LAYOUT.field(id)) else { continue };
            let entry = MadeAs::ALL[0].schema().get_field_entry(found);
            assert!(entry.is_indexed() || entry.is_fast(), "{}", field.name);
        }
    }

    /// Queries and documents use the same field numbers with all.
    #[test]
    fn kinds_differ_by_the_name_of_the_record_and_one_field_at_the_end() {
        let entries = |kind: MadeAs| {
            let fields = kind.schema().fields().skip(1);
            fields.map(|(field, entry)| (field, entry.name().to_owned())).collect::<Vec<_>>()
        };
        let [singles, singles_without, flows, flows_without] = MadeAs::ALL.map(entries);
        assert_eq!((&singles, &singles_without), (&flows, &flows_without));
        let (last, others) = singles.split_last().unwrap();
        assert_eq!(others, singles_without);
        assert_eq!(last.1, FieldId::PacketPayloadTerms.field().name);
        for kind in MadeAs::ALL {
            assert_eq!(MadeAs::of(kind.schema()), Some(kind));
        }
    }

    #[test]
    fn only_the_record_is_stored() {
        for (kind, name) in MadeAs::ALL.into_iter().zip([RECORD, RECORD, STRETCH, STRETCH]) {
            let stored = kind.schema().fields().filter(|(_, entry)| entry.is_stored());
            assert_eq!(stored.map(|(_, entry)| entry.name()).collect::<Vec<_>>(), [name]);
        }
    }
}
