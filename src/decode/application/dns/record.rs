//! The value of a record, as text, with the addresses and the name in it.

use std::net::IpAddr;

use domain::base::name::ToLabelIter;
use domain::base::{ParsedName, ParsedRecord};
use domain::rdata::AllRecordData;
use domain::rdata::svcb::SvcParams;
use domain::rdata::svcb::value::AllValues;

use super::message::{CUT, Reading};
use super::netbios;
use crate::packet::DnsRecord;

/// Addresses that are kept of a record: of 64 KiB thousands are possible.
const MOST_ADDRESSES: usize = 64;

const MORE_ADDRESSES: &str = "dns: addresses of a record beyond the first 64 are left out";

pub(super) type Name<'a> = ParsedName<&'a [u8]>;

impl Reading {
    pub(super) fn record(&mut self, record: &ParsedRecord<'_, [u8]>) -> DnsRecord {
        let mut found = DnsRecord {
            name: self.name(&record.owner()),
            kind: self.kind(record.rtype()),
            ttl: record.ttl().as_secs(),
            ..DnsRecord::default()
        };
        // An update that removes records has empty ones (RFC 2136, section 2.5).
        if record.rdlen() == 0 {
            return found;
        }
        if self.is_netbios {
            if netbios::value(record, &mut found).is_none() {
                self.note(CUT);
            }
        } else {
            match record.to_any_record::<AllRecordData<&[u8], Name<'_>>>() {
                Ok(record) => self.value(record.data(), &mut found),
                Err(_) => self.note(CUT),
            }
        }
        self.bound(&mut found.addresses);
        found
    }

    fn value(&self, data: &AllRecordData<&[u8], Name<'_>>, found: &mut DnsRecord) {
        let target = match data {
            AllRecordData::A(address) => {
                found.addresses.push(IpAddr::V4(address.addr().octets().into()));
                None
            }
            AllRecordData::Aaaa(address) => {
                found.addresses.push(IpAddr::V6(address.addr().octets().into()));
                None
            }
            AllRecordData::Cname(name) => Some(name.cname()),
            AllRecordData::Dname(name) => Some(name.dname()),
            AllRecordData::Ns(name) => Some(name.nsdname()),
            AllRecordData::Ptr(name) => Some(name.ptrdname()),
            AllRecordData::Mx(exchange) => Some(exchange.exchange()),
            AllRecordData::Srv(service) => Some(service.target()),
            AllRecordData::Svcb(service) => {
                found.addresses = hints(service.params());
                Some(service.target())
            }
            AllRecordData::Https(service) => {
                found.addresses = hints(service.params());
                Some(service.target())
            }
            _ => None,
        };
        found.target = target.map(|name| self.name(name));
        found.data = match (data, &found.target) {
            (
                AllRecordData::Cname(_)
                | AllRecordData::Dname(_)
                | AllRecordData::Ns(_)
                | AllRecordData::Ptr(_),
                Some(name),
            ) => name.clone(),
            _ => data.to_string(),
        };
    }

    fn bound(&mut self, addresses: &mut Vec<IpAddr>) {
        if addresses.len() > MOST_ADDRESSES {
            addresses.truncate(MOST_ADDRESSES);
            self.note(MORE_ADDRESSES);
        }
    }
}

/// Where a service can be reached, as far as its record says so (RFC 9460, section 7.3).
fn hints(parameters: &SvcParams<&[u8]>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for value in parameters.iter_all().map_while(Result::ok) {
        match value {
            AllValues::Ipv4Hint(hint) => {
                addresses.extend(hint.iter().map(|address| IpAddr::V4(address.octets().into())));
            }
            AllValues::Ipv6Hint(hint) => {
                addresses.extend(hint.iter().map(|address| IpAddr::V6(address.octets().into())));
            }
            _ => {}
        }
    }
    addresses
}

pub(super) fn joined(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

/// Labels with dots between them, in the spelling of the wire: the UTF-8 of mDNS stays readable.
pub(super) fn dotted(name: &Name<'_>) -> String {
    let mut text = String::new();
    for label in name.iter_labels().filter(|label| !label.is_root()) {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&String::from_utf8_lossy(label.as_slice()));
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
