//! What a query selects, counted from columns and posting lists: no packet is read.
//!
//! Segment by segment: the query's documents as bits, one pass over the columns for sums and the
//! timeline, and one over the posting lists of each field whose values are counted.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use tantivy::columnar::{ColumnValues, MonotonicallyMappableToU64 as _};
use tantivy::error::DataCorruption;
use tantivy::query::{EnableScoring, Query as IndexQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, Searcher, SegmentReader, TERMINATED};

use crate::document::fields::FieldId;
use crate::packet::{LinkType, Timestamp};
use crate::store::aggregate::{Bucket, mapped, most};
use crate::store::embedded::schema::LAYOUT;
use crate::store::embedded::search::Selected;
use crate::store::{Breakdown, Counts};

/// Values of one kind that are counted at once, about 100 MB; scans of address ranges have more.
const MOST_VALUES: usize = 1 << 20;

/// The fields that name a packet's protocol; a later one has precedence.
const PROTOCOLS: [FieldId; 4] = [
    FieldId::PacketLinkTypeName,
    FieldId::NetworkType,
    FieldId::NetworkTransport,
    FieldId::NetworkProtocol,
];

/// Counts the packets that `query` selects in `searcher`.
pub(super) fn aggregate(
    searcher: &Searcher,
    query: &dyn IndexQuery,
    what: Breakdown,
) -> tantivy::Result<Counts> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let mut totals = Totals::new(what);
    for segment in searcher.segment_readers() {
        let selected = Selected::of(weight.as_ref(), segment)?;
        if !selected.is_empty() {
            totals.add(segment, &selected)?;
        }
    }
    Ok(totals.finish())
}

/// Packets and bytes.
type Sums = (u64, u64);

/// What all segments so far have.
struct Totals {
    what: Breakdown,
    counts: Counts,
    /// The one that was added last, since neighbours share it.
    link_type: Option<i64>,
    /// First and last time.
    times: Option<(i64, i64)>,
    hosts: Values<Ipv6Addr>,
    ports: Values<u16>,
    /// Names of protocols, in the order in which they were met.
    names: Vec<String>,
    /// For each of them.
    protocols: Vec<Sums>,
    /// For each bucket, packets by the protocol's number.
    timeline: Vec<(Sums, BTreeMap<u16, u64>)>,
}

/// One document's columns.
struct Columns {
    times: Arc<dyn ColumnValues<i64>>,
    lengths: Arc<dyn ColumnValues<i64>>,
    captured_lengths: Arc<dyn ColumnValues<i64>>,
    link_types: Arc<dyn ColumnValues<i64>>,
}

impl Columns {
    fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        let column = |id: FieldId| columns.column_first_or_default::<i64>(id.field().name);
        Ok(Self {
            times: column(FieldId::Timestamp)?,
            lengths: column(FieldId::PacketLength)?,
            captured_lengths: column(FieldId::PacketCapturedLength)?,
            link_types: column(FieldId::PacketLinkType)?,
        })
    }

    fn bytes(&self, document: DocId) -> u64 {
        u64::try_from(self.lengths.get_val(document)).unwrap_or(0)
    }

    fn captured_bytes(&self, document: DocId) -> u64 {
        u64::try_from(self.captured_lengths.get_val(document)).unwrap_or(0)
    }
}

impl Totals {
    fn new(what: Breakdown) -> Self {
        let buckets = what.timeline.map_or(0, |timeline| timeline.buckets);
        Self {
            what,
            counts: Counts::default(),
            link_type: None,
            times: None,
            hosts: Values::default(),
            ports: Values::default(),
            names: Vec::new(),
            protocols: Vec::new(),
            timeline: vec![Default::default(); buckets],
        }
    }

    fn add(&mut self, segment: &SegmentReader, selected: &Selected) -> tantivy::Result<()> {
        let columns = Columns::of(segment)?;
        let breaks_down = self.what != Breakdown::default();
        let protocols = if breaks_down { self.protocols_of(segment)? } else { Vec::new() };
        selected.for_each(|document| self.add_document(document, &columns, &protocols));
        if self.what.top.is_some() {
            self.add_hosts(segment, selected, &columns)?;
            self.add_ports(segment, selected, &columns)?;
        }
        Ok(())
    }

    fn add_document(&mut self, document: DocId, columns: &Columns, protocols: &[u16]) {
        let (time, bytes) = (columns.times.get_val(document), columns.bytes(document));
        self.counts.packets += 1;
        self.counts.bytes += bytes;
        self.counts.captured_bytes += columns.captured_bytes(document);
        self.add_link_type(columns.link_types.get_val(document));
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        let Some(protocol) = protocols.get(document as usize) else { return };
        add(&mut self.protocols[usize::from(*protocol)], bytes);
        let position = self.what.timeline.and_then(|timeline| timeline.position(time));
        if let Some((sums, by_protocol)) = position.map(|position| &mut self.timeline[position]) {
            add(sums, bytes);
            *by_protocol.entry(*protocol).or_default() += 1;
        }
    }

    fn add_link_type(&mut self, number: i64) {
        if self.link_type != Some(number) {
            self.link_type = Some(number);
            self.counts.link_types.extend(u16::try_from(number).map(LinkType));
        }
    }

    /// The number of its protocol for each document, also for those that are not selected.
    fn protocols_of(&mut self, segment: &SegmentReader) -> tantivy::Result<Vec<u16>> {
        let unnamed = self.number_of("")?;
        let mut protocols = vec![unnamed; segment.max_doc() as usize];
        for field in PROTOCOLS {
            for_each_term(segment, field, |name, documents| {
                let name = std::str::from_utf8(name)
                    .map_err(|_| DataCorruption::comment_only("a protocol is no text"))?;
                let number = self.number_of(name)?;
                documents(&mut |document| protocols[document as usize] = number);
                Ok(())
            })?;
        }
        Ok(protocols)
    }

    fn number_of(&mut self, name: &str) -> tantivy::Result<u16> {
        let known = self.names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.protocols.push((0, 0));
            self.names.len() - 1
        });
        let too_many = |_| DataCorruption::comment_only("more protocols than there can be");
        Ok(u16::try_from(number).map_err(too_many)?)
    }

    fn add_hosts(
        &mut self,
        segment: &SegmentReader,
        selected: &Selected,
        columns: &Columns,
    ) -> tantivy::Result<()> {
        for_each_term(segment, FieldId::RelatedIp, |address, documents| {
            let address: [u8; 16] = address
                .try_into()
                .map_err(|_| DataCorruption::comment_only("an address is none"))?;
            let mut sums = (0, 0);
            documents(&mut |document| {
                if selected.contains(document) {
                    add(&mut sums, columns.bytes(document));
                }
            });
            self.hosts.add(Ipv6Addr::from(address), sums);
            Ok(())
        })
    }

    /// A packet whose ports are the same counts once.
    fn add_ports(
        &mut self,
        segment: &SegmentReader,
        selected: &Selected,
        columns: &Columns,
    ) -> tantivy::Result<()> {
        let mut sources: Vec<Option<u16>> = vec![None; segment.max_doc() as usize];
        for_each_term(segment, FieldId::SourcePort, |port, documents| {
            let port = port_of(port)?;
            let mut sums = (0, 0);
            documents(&mut |document| {
                sources[document as usize] = Some(port);
                if selected.contains(document) {
                    add(&mut sums, columns.bytes(document));
                }
            });
            self.ports.add(port, sums);
            Ok(())
        })?;
        for_each_term(segment, FieldId::DestinationPort, |port, documents| {
            let port = port_of(port)?;
            let mut sums = (0, 0);
            documents(&mut |document| {
                if selected.contains(document) && sources[document as usize] != Some(port) {
                    add(&mut sums, columns.bytes(document));
                }
            });
            self.ports.add(port, sums);
            Ok(())
        })
    }

    fn finish(self) -> Counts {
        let Self { names, what, .. } = self;
        let top = what.top.unwrap_or(0);
        let time = |time: i64| Timestamp::from_nanoseconds(time.into());
        let bucket = |((packets, bytes), by_protocol): (Sums, BTreeMap<u16, u64>)| Bucket {
            packets,
            bytes,
            protocols: by_protocol
                .into_iter()
                .map(|(number, packets)| (names[usize::from(number)].clone(), packets))
                .collect(),
        };
        let timeline = self.timeline.into_iter().map(bucket).collect();
        let protocols = names.iter().cloned().zip(self.protocols);
        let protocols = protocols.filter(|(_, (packets, _))| *packets > 0);
        Counts {
            earliest: self.times.map(|(first, _)| time(first)),
            latest: self.times.map(|(_, last)| time(last)),
            timeline,
            protocols: most(protocols, top, Clone::clone),
            top_is_exact: self.hosts.is_complete && self.ports.is_complete,
            hosts: most(self.hosts.unmapped(), top, |address| mapped(*address)),
            ports: most(self.ports.sums, top, |port| *port),
            ..self.counts
        }
    }
}

fn add((packets, sum): &mut Sums, bytes: u64) {
    *packets += 1;
    *sum += bytes;
}

/// Packets and bytes of each value.
struct Values<T> {
    sums: HashMap<T, Sums>,
    /// Nothing was left out.
    is_complete: bool,
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self { sums: HashMap::new(), is_complete: true }
    }
}

impl<T: Eq + std::hash::Hash> Values<T> {
    fn add(&mut self, value: T, (packets, bytes): Sums) {
        if packets == 0 {
            return;
        }
        let sums = self.sums.entry(value).or_default();
        sums.0 += packets;
        sums.1 += bytes;
        if self.sums.len() > MOST_VALUES {
            self.leave_out_rare_ones();
        }
    }

    /// Keeps the more frequent half: what has been rare so far may have been rare by chance.
    fn leave_out_rare_ones(&mut self) {
        let mut packets: Vec<u64> = self.sums.values().map(|(packets, _)| *packets).collect();
        let middle = packets.len() / 2;
        let (_, median, _) = packets.select_nth_unstable(middle);
        let median = *median;
        self.sums.retain(|_, (packets, _)| *packets > median);
        self.is_complete = false;
    }
}

impl Values<Ipv6Addr> {
    fn unmapped(self) -> impl Iterator<Item = (IpAddr, Sums)> {
        self.sums.into_iter().map(|(address, sums)| (IpAddr::V6(address).to_canonical(), sums))
    }
}

/// A number as it stands in a term.
fn port_of(term: &[u8]) -> tantivy::Result<u16> {
    let number = term.try_into().map(|bytes| i64::from_u64(u64::from_be_bytes(bytes))).ok();
    let port = number.and_then(|number| u16::try_from(number).ok());
    Ok(port.ok_or_else(|| DataCorruption::comment_only("a port is none"))?)
}

/// Goes through the documents of a term.
type Documents<'a> = &'a mut dyn FnMut(&mut dyn FnMut(DocId));

/// Shows each value of a field with the documents that have it, also deleted ones.
fn for_each_term(
    segment: &SegmentReader,
    field: FieldId,
    mut look: impl FnMut(&[u8], Documents<'_>) -> tantivy::Result<()>,
) -> tantivy::Result<()> {
    let Some((field, _)) = LAYOUT.field(field) else { return Ok(()) };
    let index = segment.inverted_index(field)?;
    let mut terms = index.terms().stream()?;
    while terms.advance() {
        let mut postings =
            index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
        look(terms.key(), &mut |action| {
            let mut document = postings.doc();
            while document != TERMINATED {
                action(document);
                document = postings.advance();
            }
        })?;
    }
    Ok(())
}
