use futures::future::try_join_all;
use futures::stream::{self, BoxStream, Stream, TryStreamExt as _};

use crate::packet::StoredPacket;
use crate::query::Order;
use crate::store::StoreResult;
use crate::store::order::compare;

type Packets = BoxStream<'static, StoreResult<StoredPacket>>;

/// The packets of streams that are in `order` each, in that order; of equal ones the first. No
/// more than the next packet of each stream is held.
pub(super) fn merge(
    streams: Vec<Packets>,
    order: Order,
) -> impl Stream<Item = StoreResult<StoredPacket>> + Send {
    let heads = streams.into_iter().map(|packets| Head { packets, next: None }).collect();
    stream::try_unfold(Merge { heads, order }, |mut merge| async move {
        Ok(merge.next().await?.map(|packet| (packet, merge)))
    })
}

struct Merge {
    heads: Vec<Head>,
    order: Order,
}

struct Head {
    packets: Packets,
    /// The packet that this stream goes on with, once it has been asked for.
    next: Option<StoredPacket>,
}

impl Head {
    async fn pull(&mut self) -> StoreResult<()> {
        if self.next.is_none() {
            self.next = self.packets.try_next().await?;
        }
        Ok(())
    }
}

impl Merge {
    async fn next(&mut self) -> StoreResult<Option<StoredPacket>> {
        try_join_all(self.heads.iter_mut().map(Head::pull)).await?;
        self.heads.retain(|head| head.next.is_some());
        let order = self.order;
        let heads = self.heads.iter().enumerate();
        let next = heads.filter_map(|(place, head)| Some((place, head.next.as_ref()?)));
        let first = next.min_by(|(_, one), (_, other)| compare(one, other, order));
        let first = first.map(|(place, _)| place);
        let Some(packet) = first.and_then(|place| self.heads[place].next.take()) else {
            return Ok(None);
        };
        // Whoever has the same packet has come to it by now, since it has one place in the order.
        for head in &mut self.heads {
            head.next.take_if(|next| *next == packet);
        }
        Ok(Some(packet))
    }
}
