use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::packet::Timestamp;
use crate::store::StoreStatus;

/// What stores hold together. A packet that several of them hold is stored that often.
pub(super) fn joined(stores: &[StoreStatus]) -> StoreStatus {
    let sum = |of: fn(&StoreStatus) -> Option<u64>| stores.iter().map(of).sum();
    let mut names: Vec<&str> = stores.iter().map(|status| status.store.as_str()).collect();
    names.dedup();
    let layout = stores.first().and_then(|first| first.layout);
    StoreStatus {
        store: names.join(", "),
        set_up: stores.iter().all(|status| status.set_up),
        // Together they are only read.
        may_append: Some(false),
        may_read: stores.iter().map(|status| status.may_read).reduce(and).flatten(),
        may_prune: Some(false),
        packets: sum(|status| status.packets),
        earliest: stores.iter().filter_map(|status| status.earliest).min(),
        latest: stores.iter().filter_map(|status| status.latest).max(),
        gaps: gaps(stores),
        bytes: sum(|status| status.bytes),
        partitions: sum(|status| status.partitions),
        layout: layout.filter(|_| stores.iter().all(|status| status.layout == layout)),
        payload_index: stores.iter().all(|status| status.payload_index),
    }
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), other) | (other, Some(true)) => other,
        (None, None) => None,
    }
}

/// Both days belong to it.
type Days = (Date, Date);

/// Days between the first and the last packet on which no store has one.
fn gaps(stores: &[StoreStatus]) -> Vec<String> {
    let covered: Option<Vec<(Days, Vec<Days>)>> =
        stores.iter().filter(|status| status.packets != Some(0)).map(coverage).collect();
    // Of a store that does not tell, nobody knows.
    let Some(covered) = covered else { return Vec::new() };
    let first = covered.iter().map(|((first, _), _)| *first).min();
    let last = covered.iter().map(|((_, last), _)| *last).max();
    let mut empty: Vec<Days> = first.zip(last).into_iter().collect();
    for ((first, last), gaps) in &covered {
        let before = first.yesterday().map(|end| (Date::MIN, end));
        let after = last.tomorrow().map(|start| (start, Date::MAX));
        let of_store = [before, after].into_iter().flatten().chain(gaps.iter().copied());
        let of_store: Vec<Days> = of_store.collect();
        empty = empty.into_iter().flat_map(|days| common(days, &of_store)).collect();
    }
    empty.sort_unstable();
    empty.into_iter().map(|(first, last)| format!("{first}..{last}")).collect()
}

/// The days of `days` that are in one of `others`, which have none in common.
fn common((first, last): Days, others: &[Days]) -> Vec<Days> {
    let both = others.iter().map(|(start, end)| (first.max(*start), last.min(*end)));
    both.filter(|(first, last)| first <= last).collect()
}

/// From when to when a store has packets, and the days between without any.
fn coverage(status: &StoreStatus) -> Option<(Days, Vec<Days>)> {
    let days = (day(status.earliest?)?, day(status.latest?)?);
    let gaps = status.gaps.iter().map(|gap| {
        let (first, last) = gap.split_once("..")?;
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    Some((days, gaps.collect::<Option<_>>()?))
}

fn day(time: Timestamp) -> Option<Date> {
    let time = jiff::Timestamp::from_nanosecond(time.indexed().into()).ok()?;
    Some(time.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Layout;

    fn status(earliest: &str, latest: &str, gaps: &[&str]) -> StoreStatus {
        let noon = |day: &str| {
            let time: jiff::Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
            Some(Timestamp::from_nanoseconds(time.as_nanosecond()))
        };
        StoreStatus {
            set_up: true,
            may_read: Some(true),
            packets: Some(5),
            earliest: noon(earliest),
            latest: noon(latest),
            gaps: gaps.iter().map(|gap| (*gap).to_owned()).collect(),
            layout: Some(Layout::Singles),
            ..StoreStatus::default()
        }
    }

    #[test]
    fn a_day_is_missing_when_no_store_has_it() {
        let one = status("2023-01-01", "2023-01-20", &["2023-01-03..2023-01-10"]);
        let other = status("2023-01-05", "2023-02-02", &["2023-01-08..2023-01-31"]);
        let before = status("2022-12-30", "2022-12-30", &[]);
        let empty = StoreStatus { packets: Some(0), ..StoreStatus::default() };
        let unknown = StoreStatus { packets: None, ..empty.clone() };
        let both = joined(&[one.clone(), other.clone()]);
        assert_eq!(
            both.gaps,
            ["2023-01-03..2023-01-04", "2023-01-08..2023-01-10", "2023-01-21..2023-01-31"]
        );
        assert_eq!((both.earliest, both.latest), (one.earliest, other.latest));
        assert_eq!(joined(&[one.clone(), empty.clone()]).gaps, one.gaps);
        assert_eq!(
            joined(&[one.clone(), before]).gaps,
            ["2022-12-31..2022-12-31", "2023-01-03..2023-01-10"]
        );
        assert_eq!(joined(&[one, unknown]).gaps, Vec::<String>::new());
        assert_eq!(joined(&[empty.clone(), empty]).gaps, Vec::<String>::new());
    }

    #[test]
    fn what_one_store_does_not_tell_is_not_known_of_all() {
        let one = status("2023-01-01", "2023-01-02", &[]);
        let flows = StoreStatus { layout: Some(Layout::Flows), bytes: Some(7), ..one.clone() };
        let both = joined(&[one.clone(), flows.clone()]);
        assert_eq!((both.packets, both.bytes, both.layout), (Some(10), None, None));
        assert_eq!((both.may_read, both.may_append), (Some(true), Some(false)));
        assert_eq!(joined(&[flows.clone(), flows]).layout, Some(Layout::Flows));
        let hidden = StoreStatus { may_read: Some(false), packets: None, ..one.clone() };
        let both = joined(&[one, hidden]);
        assert_eq!((both.may_read, both.packets), (Some(false), None));
    }
}
