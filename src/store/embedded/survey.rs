//! What kinds of packets a query finds, from the columns of the index instead of the packets.

use tantivy::Searcher;
use tantivy::collector::Count;
use tantivy::query::{EnableScoring, Query as IndexQuery};

use crate::document::fields::FieldId;
use crate::packet::{LinkType, Timestamp};
use crate::store::embedded::search::{Selected, column};
use crate::store::pushdown::Condition;
use crate::store::{LONGEST_IN_PCAP, Survey};

/// What has a comment.
pub(super) fn commented() -> Condition {
    let comment = FieldId::PacketComment;
    Condition::Or(vec![Condition::Exists(comment), Condition::TooLong(comment)])
}

/// Looks at everything that `query` finds, and whether there is something that `commented` finds.
/// What stands at the first time of the index is told apart by the packets only: it is left out.
pub(super) fn survey(
    searcher: &Searcher,
    query: &dyn IndexQuery,
    commented: &dyn IndexQuery,
) -> tantivy::Result<Survey> {
    let needs_pcapng = searcher.search(commented, &Count)? > 0;
    let mut survey = Survey { needs_pcapng, ..Survey::default() };
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    for segment in searcher.segment_readers() {
        let column = |id| column(segment, id);
        let link_types = column(FieldId::PacketLinkType)?;
        let lengths = column(FieldId::PacketCapturedLength)?;
        let (begins, ends) = (column(FieldId::Timestamp)?, column(FieldId::EventEnd)?);
        let mut last_link_type = None;
        Selected::of(weight.as_ref(), segment)?.for_each(|document| {
            for link_type in link_types.values_for_doc(document) {
                if last_link_type.replace(link_type) != Some(link_type) {
                    survey.link_types.extend(u16::try_from(link_type).map(LinkType));
                }
            }
            let is_short =
                |length| u32::try_from(length).is_ok_and(|length| length <= LONGEST_IN_PCAP);
            let fits = lengths.first(document).is_none_or(is_short)
                && begins.first(document).is_none_or(fits_pcap)
                && ends.first(document).is_none_or(fits_pcap);
            survey.needs_pcapng |= !fits;
        });
    }
    Ok(survey)
}

fn fits_pcap(time: i64) -> bool {
    Survey::fits_pcap(Timestamp::from_nanoseconds(time.into()))
}
