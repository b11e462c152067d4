//! The certificate of the sender: the first of a Certificate message (RFC 5246, section 7.4.2).
//! In TLS 1.3 it is encrypted.

use ring::digest::{SHA256, digest};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use crate::decode::application::{Cursor, hexadecimal};
use crate::packet::{Certificate, Timestamp};

/// Names that are kept of one certificate; some of content networks have hundreds.
const MOST_NAMES: usize = 128;
const NANOSECONDS: i128 = 1_000_000_000;

/// `None` when it does not end in the packet, or cannot be read.
pub(super) fn first(body: &[u8]) -> Option<Certificate> {
    let mut body = Cursor(body);
    let _length_of_all = body.u24()?;
    let length = body.u24()?.try_into().ok()?;
    let bytes = body.take(length)?;
    let (_, certificate) = parse_x509_certificate(bytes).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    Some(Certificate {
        sha256: hexadecimal(digest(&SHA256, bytes).as_ref()).to_uppercase(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before: timestamp(certificate.validity().not_before),
        not_after: timestamp(certificate.validity().not_after),
        alternative_names: names
            .into_iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(name)
            .take(MOST_NAMES)
            .collect(),
    })
}

fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_nanoseconds(i128::from(time.timestamp()) * NANOSECONDS)
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(address) => match address.len() {
            4 => <[u8; 4]>::try_from(*address).ok().map(|a| std::net::IpAddr::from(a).to_string()),
            16 => {
                <[u8; 16]>::try_from(*address).ok().map(|a| std::net::IpAddr::from(a).to_string())
            }
            _ => None,
        },
        _ => None,
    }
}
