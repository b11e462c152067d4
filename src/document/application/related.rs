//! Addresses and names of hosts, wherever a packet has them.

use std::net::IpAddr;

use crate::packet::{Application, Certificate, Http, Layers, Message, Tls};

/// Every address in the packet's headers, and those that its application names, each once.
#[must_use]
pub fn related_addresses(layers: &Layers) -> Vec<IpAddr> {
    let mut addresses = layers.addresses();
    if let Some(application) = &layers.details {
        addresses.extend(self::addresses(application));
        addresses.sort_unstable();
        addresses.dedup();
    }
    addresses
}

fn addresses(application: &Application) -> Vec<IpAddr> {
    match &application.message {
        Message::Dns(dns) => {
            let records = dns.answers.iter().chain(&dns.mentioned);
            records.flat_map(|record| &record.addresses).copied().collect()
        }
        Message::Http(http) => http.forwarded_addresses.clone(),
        Message::Dhcp(dhcp) => {
            let named = dhcp.assigned.iter().chain(&dhcp.mentioned).copied();
            named.chain(dhcp.requested).chain(dhcp.server).collect()
        }
        Message::Exchange(exchange) => exchange.addresses.clone(),
        Message::Tls(_) | Message::Quic(_) => {
            let certificates = application.tls().into_iter().flat_map(certificates);
            let names = certificates.flat_map(|certificate| &certificate.alternative_names);
            names.filter_map(|name| name.parse().ok()).collect()
        }
    }
}

fn certificates(tls: &Tls) -> impl Iterator<Item = &Certificate> {
    tls.certificate.iter().chain(&tls.client_certificate)
}

/// Every name of a host, in lower case, each once: names are equal in any spelling (RFC 4343),
/// and clients spell them at random on purpose.
pub(super) fn hosts(application: &Application) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let mut add = |name: &str| hosts.push(name.trim_end_matches('.').to_lowercase());
    match &application.message {
        Message::Dns(dns) => {
            // A name of NetBIOS has its purpose behind it.
            let plain =
                |name: &str| name.split_once('<').map_or(name.len(), |(name, _)| name.len());
            for question in &dns.questions {
                add(&question.name[..plain(&question.name)]);
            }
            for record in dns.answers.iter().chain(&dns.mentioned) {
                add(&record.name[..plain(&record.name)]);
                record.target.iter().for_each(|name| add(name));
            }
        }
        Message::Http(http) => {
            domain(http).into_iter().for_each(&mut add);
            let forwarded = http.forwarded_host.as_deref().unwrap_or_default().split(',');
            forwarded.for_each(|host| add(without_port(host.trim())));
        }
        Message::Dhcp(dhcp) => dhcp.host_name.iter().for_each(|name| add(name)),
        _ => {}
    }
    if let Some(tls) = application.tls() {
        let client = tls.client.as_ref();
        client.and_then(|client| client.server_name.as_deref()).into_iter().for_each(&mut add);
        let names = certificates(tls).flat_map(|certificate| &certificate.alternative_names);
        names.for_each(|name| add(name));
    }
    application.user.workstation.as_deref().into_iter().for_each(&mut add);
    if let Some(challenger) = application.challenger.as_deref() {
        let names = challenger.netbios_computer.iter().chain(&challenger.dns_computer);
        names.for_each(|name| add(name));
    }
    hosts.sort_unstable();
    hosts.dedup();
    hosts.retain(|host| !host.is_empty());
    hosts
}

/// The host of a request: of its target, or else of its header.
pub(super) fn domain(http: &Http) -> Option<&str> {
    let of_target = http.target.as_deref().and_then(|target| {
        if http.method.as_deref() == Some("CONNECT") {
            return Some(target).filter(|target| !target.starts_with('/'));
        }
        let (_, rest) = target.split_once("://").filter(|_| !target.starts_with('/'))?;
        rest.split(['/', '?', '#']).next()
    });
    let host = of_target.or(http.host.as_deref())?;
    // In front of the host may stand who asks (RFC 3986, section 3.2.1).
    let host = host.rsplit('@').next().unwrap_or(host);
    Some(without_port(host)).filter(|host| !host.is_empty())
}

/// The colon before a port stands behind the bracket of an IPv6 address.
fn without_port(host: &str) -> &str {
    let bracket = host.rfind(']').unwrap_or(0);
    let end = host[bracket..].find(':').map_or(host.len(), |at| bracket + at);
    &host[..end]
}
