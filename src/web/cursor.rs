//! Packets page by page.

use crate::packet::{PacketRecord, Timestamp};
use crate::query::{Order, Query};
use crate::store::{PacketStore, StoreResult};
use crate::web::budget::{Budget, Packets, Stopped};
use crate::web::error::ApiError;
use crate::web::parameters::Parameters;
use crate::web::place::Place;

/// The packets behind a place.
pub(super) struct Cursor {
    packets: Packets,
    order: Order,
    after: Option<Place>,
    last: Option<Place>,
    is_over: bool,
}

impl Cursor {
    /// What `query` selects, from where the parameter `cursor` says on.
    pub(super) fn packets(
        parameters: &Parameters,
        mut query: Query,
        store: &dyn PacketStore,
        budget: Budget,
    ) -> Result<Self, ApiError> {
        let wrong = || ApiError::parameter("cursor", "not one of this server's");
        let after = parameters.one("cursor")?.map(|text| Place::parse(text).ok_or_else(wrong));
        let after = after.transpose()?;
        if let Some(Place { time, .. }) = after
            && query.order == Order::Time
            && time > 0
        {
            // At 0 stand also all times before.
            let from = Timestamp::from_nanoseconds(time.into());
            query.time.earliest = query.time.earliest.max(Some(from));
        }
        let packets = Packets::new(store, &query, budget);
        Ok(Self { packets, order: query.order, after, last: after, is_over: false })
    }

    /// The next packet; `None` at the end, or when the budget is used up.
    pub(super) async fn next(&mut self) -> StoreResult<Option<PacketRecord>> {
        let next = self.look_ahead().await?;
        self.last = next.as_ref().map(Place::of).or(self.last);
        Ok(next)
    }

    /// Where the next page begins, unless this one was the last.
    pub(super) async fn end(mut self) -> StoreResult<(Option<String>, Option<Stopped>)> {
        let is_last = self.is_over || self.look_ahead().await?.is_none();
        let Some(stopped) = self.packets.stopped() else {
            return Ok((self.last.filter(|_| !is_last).map(|place| place.text()), None));
        };
        // Nothing that was looked at has to be looked at again. A page by frame begins at the first
        // packet: a budget that does not reach the place of this one cannot go on from it.
        let is_further =
            |last: &Place| self.after.is_none_or(|after| last.is_behind(&after, self.order));
        let looked_at = stopped.last.filter(is_further);
        Ok((looked_at.map(|place| place.text()), Some(stopped)))
    }

    async fn look_ahead(&mut self) -> StoreResult<Option<PacketRecord>> {
        while let Some(record) = self.packets.next().await? {
            let place = Place::of(&record);
            if self.after.is_none_or(|after| place.is_behind(&after, self.order)) {
                return Ok(Some(record));
            }
        }
        self.is_over = true;
        Ok(None)
    }
}
