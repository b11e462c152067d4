//! What a store answers, compared with what `matches` selects.

use std::sync::Arc;

use futures::future;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use pcap_archiver::fetch;
use pcap_archiver::packet::{PacketId, PacketRecord};
use pcap_archiver::query::{Matcher, Query, parse};
use pcap_archiver::store::PacketStore;

/// Questions that wait for their answers.
const AT_ONCE: usize = 8;

/// Stores the packets.
pub async fn fill(store: &dyn PacketStore, records: &[PacketRecord]) {
    for batch in records.chunks(500) {
        let outcome = store.append(Arc::new(batch.to_vec())).await.unwrap();
        assert_eq!(outcome.stored, batch.len() as u64);
    }
    store.flush().await.unwrap();
}

/// Asks the store each expression; its answer has the packets that `matches` selects of these, and
/// in their order. Returns in how many answers there was a packet, and not every packet.
pub async fn compare(
    store: &dyn PacketStore,
    records: &[PacketRecord],
    expressions: impl IntoIterator<Item = &str>,
) -> usize {
    let mut records: Vec<&PacketRecord> = records.iter().collect();
    records.sort_by_key(|record| {
        let stored = &record.stored;
        (stored.packet.timestamp, stored.origin.frame, stored.id())
    });
    let records = &records;
    let ask = |expression: &str| {
        let query = Query { filter: parse(expression).unwrap(), ..Query::all() };
        assert_eq!(parse(&query.filter.to_string()).as_ref(), Ok(&query.filter), "{expression}");
        let expression = expression.to_owned();
        async move {
            let matcher = Matcher::new(&query);
            let selected = records.iter().filter(|record| matcher.matches(record));
            let expected: Vec<PacketId> = selected.map(|record| record.stored.id()).collect();
            let packets = fetch::packets(store, &query, None);
            let found: Vec<PacketId> =
                packets.map_ok(|record| record.stored.id()).try_collect().await.unwrap();
            let missing = expected.iter().find(|id| !found.contains(id));
            let missing =
                missing.and_then(|id| records.iter().find(|record| record.stored.id() == *id));
            assert!(
                found == expected,
                "{expression}: {} expected, {} found; missing: {:?}",
                expected.len(),
                found.len(),
                missing.map(|record| (&record.layers, &record.stored.packet.data)),
            );
            !found.is_empty() && found.len() < records.len()
        }
    };
    let answers = stream::iter(expressions.into_iter().map(ask)).buffer_unordered(AT_ONCE);
    answers.filter(|is_telling| future::ready(*is_telling)).count().await
}
