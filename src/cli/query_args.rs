//! The flags that select packets.

use clap::Args;

use crate::packet::Timestamp;
use crate::query::{self, Order, Query, TimeRange, Words};
use crate::time::{self, Edge};

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// All must hold, source or destination: an address or network, a MAC address, a port, a
    /// protocol (ipv4 ipv6 tcp udp icmp arp dns http tls …), or text found in the packet
    #[arg(value_name = "TERM")]
    terms: Vec<String>,
    /// An expression of tcpdump's language (pcap-filter), with fields (dns.question.name:*.example),
    /// "text", /regex/ and hex:0d0a; of several all must hold
    #[arg(short, long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Vec<String>,
    /// Terms that must all hold, separated by spaces
    #[arg(long, value_name = "TERMS", allow_hyphen_values = true)]
    and: Vec<String>,
    /// Terms of which one must hold, separated by spaces
    #[arg(long, value_name = "TERMS", allow_hyphen_values = true)]
    or: Vec<String>,
    /// Text that must be in the packet exactly so; quotes around it are left out
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    string: Vec<String>,
    /// Upper and lower case are the same in terms that are text, and in --string
    #[arg(long)]
    ignore_case: bool,
    /// Only packets of this capture file, in its own frame order
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    /// Not captured before: RFC 3339, a date, seconds since 1970, or an age such as 15m (UTC)
    #[arg(
        long,
        visible_alias = "since",
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = |text: &str| time::parse(text, Edge::Earliest)
    )]
    earliest: Option<Timestamp>,
    /// Not captured after: likewise; a date means the end of that day
    #[arg(
        long,
        visible_alias = "until",
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = |text: &str| time::parse(text, Edge::Latest)
    )]
    latest: Option<Timestamp>,
}

impl QueryArgs {
    pub(super) fn query(&self) -> anyhow::Result<Query> {
        let words = |lists: &[String]| -> Vec<String> {
            lists.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect()
        };
        let mut all = self.terms.clone();
        all.extend(words(&self.and));
        let words = Words {
            all,
            any: words(&self.or),
            strings: self.string.iter().map(|text| unquoted(text).to_owned()).collect(),
            ignore_case: self.ignore_case,
            file: self.file.clone(),
            filters: self.filter.iter().map(|text| query::parse(text)).collect::<Result<_, _>>()?,
        };
        Ok(Query {
            filter: words.filter()?,
            time: TimeRange { earliest: self.earliest, latest: self.latest },
            order: if self.file.is_some() { Order::Frame } else { Order::Time },
        })
    }
}

/// `'"text"'` was how the shell passed a phrase to an older tool.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}
