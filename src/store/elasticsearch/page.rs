//! One answer to a search.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::answer::Failure;
use super::document::{Decoder, SourceFields, StretchFields};
use super::numbers::{Answer, whole};
use crate::packet::{StoredPacket, Timestamp};
use crate::store::Layout;
use crate::store::flows::Unpacker;

/// The last time of the index's clock. The server shows it as none at all, since it takes the same
/// number for a time that is missing; given back, it is the place of those packets.
pub(super) const LAST_TIME: &str = "2262-04-11T23:47:16.854775807Z";

/// Packets of one page.
#[derive(Debug)]
pub(super) struct Page {
    /// The snapshot's id, which may change from page to page.
    pub(super) snapshot: String,
    /// Packets of the documents in the order of the search.
    pub(super) packets: Vec<StoredPacket>,
    /// How many documents there were.
    pub(super) documents: u64,
    /// How many of them, at the end, have the place of the last, up to the tie-breaker.
    pub(super) at_last_place: u64,
    /// How many of the packets are those of the last document.
    pub(super) of_last_document: usize,
    /// Place of the last hit; `None` on an empty page.
    pub(super) last: Option<SortKey>,
}

/// Captured bytes and places of the documents behind a place, without the documents.
#[derive(Debug)]
pub(super) struct Window {
    /// As in [`Page`].
    pub(super) snapshot: String,
    /// In the order of the search.
    pub(super) documents: Vec<(u64, SortKey)>,
}

/// Time or capture, frame number, and Elasticsearch's own tie-breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SortKey {
    text: String,
    sequence: i64,
    tie_breaker: i64,
}

impl SortKey {
    /// For `search_after`.
    pub(super) fn to_json(&self) -> Json {
        json!([self.text, self.sequence, self.tie_breaker])
    }

    #[cfg(test)]
    pub(super) fn of(text: &str, sequence: i64, tie_breaker: i64) -> Self {
        Self { text: text.to_owned(), sequence, tie_breaker }
    }

    /// Time or capture.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Milliseconds since 1970; `None` where the order is not that of time.
    pub(super) fn millisecond(&self) -> Option<i64> {
        self.text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
    }

    /// Before everything that was captured at a time.
    pub(super) fn first_of(time: Timestamp) -> Self {
        Self { text: time.to_string(), sequence: -1, tie_breaker: -1 }
    }

    /// Frame number.
    pub(super) fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Whether only the tie-breaker tells them apart.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (&self.text, self.sequence) == (&other.text, other.sequence)
    }

    fn read((text, sequence, tie_breaker): Sort<'_>) -> Self {
        let text = text.unwrap_or(Cow::Borrowed(LAST_TIME)).into_owned();
        Self { text, sequence, tie_breaker }
    }

    /// Behind which all documents of this place come. The tie-breaker is a number of the snapshot's
    /// own, from 0 on.
    pub(super) fn before_its_place(self) -> Self {
        Self { tie_breaker: -1, ..self }
    }
}

type Sort<'a> = (Option<Cow<'a, str>>, i64, i64);

#[derive(Deserialize)]
struct Hit<'a, S> {
    #[serde(rename = "_index", borrow)]
    index: Cow<'a, str>,
    #[serde(rename = "_id", borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "_source")]
    source: S,
    #[serde(borrow)]
    sort: Sort<'a>,
}

#[derive(Deserialize)]
struct LengthHit<'a> {
    fields: LengthFields,
    #[serde(borrow)]
    sort: Sort<'a>,
}

#[derive(Deserialize)]
struct LengthFields {
    #[serde(rename = "packet.captured_length")]
    captured_length: [u64; 1],
}

impl Page {
    /// Reads an answer.
    pub(super) fn read(answer: &[u8], layout: Layout) -> Result<Self, Failure> {
        match layout {
            Layout::Singles => {
                let mut decoder = Decoder::default();
                Self::of(answer, |id, source: SourceFields<'_>| {
                    decoder.packet(id, source).map(|packet| vec![packet]).map_err(str::to_owned)
                })
            }
            Layout::Flows => {
                let unpacker = Unpacker::new();
                let mut unpacker =
                    unpacker.map_err(|error| Failure::NotUnderstood(error.to_string()))?;
                Self::of(answer, |_, source: StretchFields<'_>| source.packets(&mut unpacker))
            }
        }
    }

    fn of<'a, S: Deserialize<'a>>(
        answer: &'a [u8],
        mut packets_of: impl FnMut(&str, S) -> Result<Vec<StoredPacket>, String>,
    ) -> Result<Self, Failure> {
        let answer: Answer<Hit<'_, S>> = whole(answer)?;
        let mut page = Self {
            snapshot: answer.pit_id,
            packets: Vec::with_capacity(answer.hits.hits.len()),
            documents: answer.hits.hits.len() as u64,
            at_last_place: 0,
            of_last_document: 0,
            last: None,
        };
        for hit in answer.hits.hits {
            let packets = packets_of(&hit.id, hit.source).map_err(|reason| {
                Failure::Damaged(format!("document {} in {}: {reason}", hit.id, hit.index))
            })?;
            page.of_last_document = packets.len();
            page.packets.extend(packets);
            let place = SortKey::read(hit.sort);
            let stays = page.last.as_ref().is_some_and(|last| last.is_same_place(&place));
            page.at_last_place = if stays { page.at_last_place + 1 } else { 1 };
            page.last = Some(place);
        }
        Ok(page)
    }
}

impl Window {
    /// Reads an answer.
    pub(super) fn read(answer: &[u8]) -> Result<Self, Failure> {
        let answer: Answer<LengthHit<'_>> = whole(answer)?;
        let hits = answer.hits.hits.into_iter();
        let documents =
            hits.map(|hit| (hit.fields.captured_length[0], SortKey::read(hit.sort))).collect();
        Ok(Self { snapshot: answer.pit_id, documents })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::elasticsearch::numbers::total;

    fn answer(timed_out: bool, failed: u64) -> String {
        let hit = json!({
            "_index": "pcap-singles-2023.11", "_id": "o95Rshl6mwfYjI9S6ll9ug",
            "_source": {
                "@timestamp": "2023-11-14T22:13:20.000000001Z",
                "event": { "sequence": 1 },
                "file": { "name": "a", "path": "a" },
                "packet": { "capture": crate::packet::Fingerprint([7; 16]).to_string(),
                    "data": "YWI=", "length": 2, "link_type": 1 },
            },
            "sort": ["2023-11-14T22:13:20.000000001Z", 1, 4_294_967_298_i64],
        });
        json!({
            "pit_id": "abc", "took": 1, "timed_out": timed_out,
            "_shards": { "total": 2, "successful": 2 - failed, "skipped": 0, "failed": failed },
            "hits": { "max_score": null, "hits": [hit] },
        })
        .to_string()
    }

    #[test]
    fn a_page_tells_packets_and_place() {
        let page = Page::read(answer(false, 0).as_bytes(), Layout::Singles).unwrap();
        assert_eq!((page.packets.len(), page.documents, page.of_last_document), (1, 1, 1));
        assert_eq!(page.at_last_place, 1);
        assert_eq!(page.snapshot, "abc");
        let place = json!(["2023-11-14T22:13:20.000000001Z", 1, 4_294_967_298_i64]);
        assert_eq!(page.last.unwrap().to_json(), place);
    }

    #[test]
    fn the_last_time_is_a_place_too() {
        let answer = answer(false, 0).replace(r#"["2023-11-14T22:13:20.000000001Z",1"#, "[null,1");
        let last = Page::read(answer.as_bytes(), Layout::Singles).unwrap().last.unwrap();
        assert_eq!(last.to_json()[0], LAST_TIME);
        let time = crate::packet::Timestamp::from_nanoseconds(i64::MAX.into());
        assert_eq!(time.to_string(), LAST_TIME);
    }

    #[test]
    fn a_part_is_an_error() {
        for (timed_out, failed) in [(true, 0), (false, 1)] {
            let failure =
                Page::read(answer(timed_out, failed).as_bytes(), Layout::Singles).unwrap_err();
            assert!(matches!(failure, Failure::Incomplete(_)), "{failure}");
        }
        let answer = |failed: u64| json!({ "_shards": { "failed": failed }, "hits": { "total": { "value": 7 } } });
        assert_eq!(total(answer(0).to_string().as_bytes()).unwrap(), 7);
        let failure = total(answer(1).to_string().as_bytes()).unwrap_err();
        assert!(matches!(failure, Failure::Incomplete(_)), "{failure}");
    }
}
