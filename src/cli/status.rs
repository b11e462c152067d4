use clap::Args;
use serde_json::json;

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output};
use crate::store::{Layout, StoreStatus};

/// Gaps that people are shown; JSON has all of them.
const GAPS_LISTED: usize = 5;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        let status = store.open().await?.status().await?;
        if self.json {
            output::line(&as_json(&status).to_string())?;
        } else {
            for (name, value) in as_rows(&status) {
                output::line(&format!("{name:<10} {value}"))?;
            }
        }
        Ok(if status.set_up { Ended::Done } else { Ended::Incomplete })
    }
}

fn as_json(status: &StoreStatus) -> serde_json::Value {
    let time = |time: Option<crate::packet::Timestamp>| time.map(|time| time.to_string());
    json!({
        "store": status.store,
        "set_up": status.set_up,
        "rights": {
            "append": status.may_append,
            "read": status.may_read,
            "prune": status.may_prune,
        },
        "packets": status.packets,
        "earliest": time(status.earliest),
        "latest": time(status.latest),
        "gaps": status.gaps,
        "bytes": status.bytes,
        "partitions": status.partitions,
        "layout": status.layout.map(Layout::name),
        "payload_index": status.payload_index,
    })
}

fn as_rows(status: &StoreStatus) -> Vec<(&'static str, String)> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "not known to this key".to_owned());
    let mut rights = Vec::new();
    for (may, name) in
        [(status.may_append, "store"), (status.may_read, "read"), (status.may_prune, "prune")]
    {
        if may == Some(true) {
            rights.push(name);
        }
    }
    let covered = match (status.earliest, status.latest) {
        (Some(earliest), Some(latest)) => format!("{earliest} to {latest}"),
        _ if status.packets == Some(0) => "nothing yet".to_owned(),
        _ => known(None),
    };
    let mut rows = vec![
        ("store", status.store.clone()),
        ("set up", if status.set_up { "yes" } else { "no: run setup" }.to_owned()),
        ("rights", if rights.is_empty() { "none".to_owned() } else { rights.join(", ") }),
        ("packets", known(status.packets.map(|packets| packets.to_string()))),
        ("time", covered),
        ("size", known(status.bytes.map(|bytes| indicatif::BinaryBytes(bytes).to_string()))),
    ];
    if !status.gaps.is_empty() {
        let listed = &status.gaps[..status.gaps.len().min(GAPS_LISTED)];
        let more = status.gaps.len() - listed.len();
        let more = if more > 0 { format!(" and {more} more (--json)") } else { String::new() };
        rows.push(("no packets", format!("{}{more}", listed.join(", "))));
    }
    if let Some(partitions) = status.partitions {
        rows.push(("partitions", partitions.to_string()));
    }
    if let Some(layout) = status.layout {
        rows.push(("layout", layout.name().to_owned()));
    }
    if status.payload_index {
        rows.push(("text", "indexed".to_owned()));
    }
    rows
}
