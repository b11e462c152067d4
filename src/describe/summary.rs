//! What an application says, in some words for one line.

use std::fmt;

use crate::describe::escape::Escaped;
use crate::packet::{Application, Dhcp, Dns, Exchange, Http, Message, Tls};

/// Answers that are shown of a DNS message.
const MOST_ANSWERS: usize = 3;

/// Shows the names that people look for: question and answers, request line, server name …
pub(super) struct Summary<'a>(pub(super) &'a Application);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.message {
            Message::Dns(message) => dns(f, message)?,
            Message::Http(message) => http(f, message)?,
            Message::Tls(message) => tls(f, message)?,
            Message::Quic(message) => {
                words(f, message.packets.iter().copied())?;
                if let Some(inside) = &message.tls {
                    tls(f, inside)?;
                }
            }
            Message::Dhcp(message) => dhcp(f, message)?,
            Message::Exchange(message) => exchange(f, message)?,
        }
        words(f, self.0.user.name.as_deref().map(|name| format!("user={name}")))
    }
}

/// Each behind a space.
fn words<W: AsRef<str>>(
    f: &mut fmt::Formatter<'_>,
    words: impl IntoIterator<Item = W>,
) -> fmt::Result {
    words.into_iter().try_for_each(|word| write!(f, " {}", Escaped(word.as_ref())))
}

fn dns(f: &mut fmt::Formatter<'_>, dns: &Dns) -> fmt::Result {
    words(f, &dns.response_code)?;
    for question in &dns.questions {
        write!(f, " {} {}", Escaped(&question.kind), Escaped(&question.name))?;
    }
    words(f, dns.answers.iter().take(MOST_ANSWERS).map(|record| &record.data))?;
    if dns.answers.len() > MOST_ANSWERS { f.write_str(" …") } else { Ok(()) }
}

fn http(f: &mut fmt::Formatter<'_>, http: &Http) -> fmt::Result {
    words(f, http.status.map(|status| status.to_string()))?;
    words(f, &http.method)?;
    let target = http.target.as_deref().unwrap_or_default();
    // The target has the host in it already where a proxy is spoken to.
    let host = http.host.as_deref().filter(|_| !target.contains("://")).unwrap_or_default();
    if http.method.is_some() {
        write!(f, " {}{}", Escaped(host), Escaped(target))?;
    }
    words(f, http.location.iter().chain(&http.mime_type))
}

fn tls(f: &mut fmt::Formatter<'_>, tls: &Tls) -> fmt::Result {
    words(f, tls.messages.iter().copied())?;
    words(f, tls.client.iter().filter_map(|client| client.server_name.as_ref()))?;
    words(f, tls.server.iter().filter_map(|server| server.cipher.as_ref()))?;
    words(
        f,
        tls.certificate
            .iter()
            .chain(&tls.client_certificate)
            .map(|certificate| &certificate.subject),
    )?;
    words(f, &tls.alert)
}

fn dhcp(f: &mut fmt::Formatter<'_>, dhcp: &Dhcp) -> fmt::Result {
    words(f, &dhcp.message)?;
    words(f, dhcp.client_mac.map(|mac| mac.to_string()))?;
    words(f, dhcp.requested.iter().chain(&dhcp.assigned).map(ToString::to_string))?;
    words(f, &dhcp.host_name)
}

fn exchange(f: &mut fmt::Formatter<'_>, exchange: &Exchange) -> fmt::Result {
    words(f, &exchange.status)?;
    words(f, &exchange.operations)?;
    words(f, exchange.argument.iter().chain(&exchange.software).chain(&exchange.service))
}
