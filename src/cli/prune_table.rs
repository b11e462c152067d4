//! What `prune` would do, as a table.

use indicatif::BinaryBytes;

use crate::cli::output;
use crate::packet::Timestamp;
use crate::store::retention::{Fate, Plan, Slice};

/// Prints a row for each partition, or stretch of time, and the sums.
pub(super) fn print(plan: &Plan) -> anyhow::Result<()> {
    let mut rows = vec![Row::header()];
    rows.extend(plan.fates.chunk_by(share_a_row).map(Row::of));
    let width = |column: usize| {
        rows.iter().map(|row| row.0[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    for Row([what, packets, bytes, fate]) in &rows {
        let [what_width, packets_width, bytes_width] = widths;
        output::line(&format!(
            "{what:what_width$}  {packets:>packets_width$}  {bytes:>bytes_width$}  {fate}"
        ))?;
    }
    let goes = total(plan, true);
    let stays = total(plan, false);
    output::line(&format!("would remove {goes}; {stays} would stay"))
}

/// What a store without partitions removes, or keeps, for one reason is one row.
fn share_a_row((one, fate): &(Slice, Fate), (other, next): &(Slice, Fate)) -> bool {
    let is_same = match (fate, next) {
        (Fate::TooMuch(_), Fate::TooMuch(_)) => true,
        _ => fate == next,
    };
    one.partition.is_none() && other.partition.is_none() && is_same
}

/// What, packets, bytes, fate.
struct Row([String; 4]);

impl Row {
    fn header() -> Self {
        Self(["PARTITION OR TIME", "PACKETS", "SIZE", "FATE"].map(str::to_owned))
    }

    /// Slices that share it, at least one.
    fn of(slices: &[(Slice, Fate)]) -> Self {
        let ((first, fate), (last, _)) = (&slices[0], &slices[slices.len() - 1]);
        let what = match &first.partition {
            Some(name) => name.clone(),
            None => format!("{} to {}", shown(first.start), shown(before(last.end))),
        };
        let packets = sum(slices.iter().map(|(slice, _)| slice.packets));
        let bytes = sum(slices.iter().map(|(slice, _)| slice.bytes));
        let known = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
        Self([
            what,
            known(packets.map(|packets| packets.to_string())),
            known(bytes.map(|bytes| BinaryBytes(bytes).to_string())),
            reason(*fate),
        ])
    }
}

fn reason(fate: Fate) -> String {
    match fate {
        Fate::GoesWithAll => "goes: everything does".to_owned(),
        Fate::TooOld(oldest) => format!("goes: captured before {}", shown(oldest)),
        Fate::TooMuch(bytes) => {
            format!("goes: from here on there are {}", BinaryBytes(bytes))
        }
        Fate::Open => "stays: packets captured now may belong to it".to_owned(),
        Fate::Within => "stays: within the limits".to_owned(),
    }
}

/// A time of the index, to the second.
fn shown(time: Timestamp) -> String {
    let (seconds, _) = Timestamp::from_nanoseconds(time.indexed().into()).parts();
    let whole = Timestamp::from_nanoseconds(seconds * 1_000_000_000).to_string();
    whole.replace(".000000000", "")
}

fn before(end: Timestamp) -> Timestamp {
    Timestamp::from_nanoseconds(end.nanoseconds().saturating_sub(1))
}

/// `None` when nothing is known of any of them.
fn sum(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.flatten().reduce(u64::saturating_add)
}

/// What goes, or what stays.
fn total(plan: &Plan, goes: bool) -> String {
    let fates = || plan.fates.iter().filter(move |(_, fate)| fate.goes() == goes);
    let packets = sum(fates().map(|(slice, _)| slice.packets)).unwrap_or_default();
    let bytes = sum(fates().map(|(slice, _)| slice.bytes)).unwrap_or_default();
    format!("{packets} packets, {}", BinaryBytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_with_one_fate_are_one_row() {
        let slice = |hour: i64| Slice {
            partition: None,
            start: Timestamp::from_parts(hour * 3600, 0),
            end: Timestamp::from_parts(hour * 3600 + 1800, 0),
            packets: Some(2),
            bytes: Some(1024),
        };
        let fates = [
            (slice(1), Fate::TooMuch(3072)),
            (slice(2), Fate::TooMuch(2048)),
            (slice(3), Fate::Within),
        ];
        let rows: Vec<Row> = fates.chunk_by(share_a_row).map(Row::of).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0].0,
            [
                "1970-01-01T01:00:00Z to 1970-01-01T02:29:59Z",
                "4",
                "2.00 KiB",
                "goes: from here on there are 3.00 KiB",
            ]
        );
        assert_eq!(rows[1].0[3], "stays: within the limits");
    }

    #[test]
    fn times_without_end_are_shown_as_the_ends_of_the_index() {
        assert_eq!(shown(Timestamp::from_nanoseconds(i128::MIN)), "1970-01-01T00:00:00Z");
        assert_eq!(shown(Timestamp::from_nanoseconds(i128::MAX)), "2262-04-11T23:47:16Z");
    }
}
