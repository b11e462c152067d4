//! ClientHello and ServerHello (RFC 8446, section 4.1).
//!
//! Read by hand: a parser of whole messages gives nothing for one that goes on in the next
//! packet, and its server name stands mostly in the first.

use tls_parser::TlsCipherSuite;

use super::ja4::Carrier;
use super::{ja3, ja4};
use crate::decode::application::{Cursor, text};
use crate::packet::{Tls, TlsClient, TlsServer};

/// Extensions (IANA, "TLS ExtensionType Values").
pub(super) const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
pub(super) const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
/// Drafts of TLS 1.3 before the 22nd, whose ServerHello was shorter.
const OLD_DRAFTS: std::ops::RangeInclusive<u16> = 0x7f00..=0x7f15;
const RANDOM: usize = 32;
/// Values of a list that are kept: clients offer some dozens, a hostile one tens of thousands.
const MOST_CIPHERS: usize = 256;
const MOST_PROTOCOLS: usize = 32;

/// What both fingerprints are made of: the numbers in the order of the wire.
#[derive(Debug, Default)]
pub(super) struct ClientHello<'a> {
    pub(super) version: u16,
    pub(super) ciphers: Vec<u16>,
    pub(super) extensions: Vec<u16>,
    pub(super) groups: Vec<u16>,
    pub(super) point_formats: Vec<u8>,
    pub(super) signature_algorithms: Vec<u16>,
    pub(super) versions: Vec<u16>,
    pub(super) protocols: Vec<&'a [u8]>,
    server_name: Option<&'a [u8]>,
}

/// Values that clients send only so that servers get used to unknown ones (RFC 8701).
pub(super) fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

pub(super) fn client(body: &[u8], is_whole: bool, carrier: Carrier, tls: &mut Tls) {
    let mut hello = ClientHello::default();
    let is_read = hello.read(body).is_some() && is_whole;
    let newest = hello.versions.iter().copied().filter(|version| !is_grease(*version)).max();
    // Newer versions than 1.2 stand in an extension, which a cut hello may have lost.
    tls.version = newest.or(is_read.then_some(hello.version));
    let ciphers = hello.ciphers.iter().filter(|cipher| !is_grease(**cipher));
    tls.client = Some(TlsClient {
        server_name: hello.server_name.and_then(text),
        ciphers: ciphers.take(MOST_CIPHERS).map(|cipher| cipher_name(*cipher)).collect(),
        alpn: hello
            .protocols
            .iter()
            .filter(|name| !is_grease_protocol(name))
            .filter_map(|name| text(name))
            .take(MOST_PROTOCOLS)
            .collect(),
        ja3: is_read.then(|| ja3::of_client(&hello)),
        ja4: is_read.then(|| ja4::fingerprint(&hello, carrier)),
    });
}

fn is_grease_protocol(name: &[u8]) -> bool {
    <[u8; 2]>::try_from(name).is_ok_and(|name| is_grease(u16::from_be_bytes(name)))
}

impl<'a> ClientHello<'a> {
    /// Reads as far as the bytes go; `Some` when that is to the end.
    fn read(&mut self, body: &'a [u8]) -> Option<()> {
        let mut body = Cursor(body);
        self.version = body.u16()?;
        body.take(RANDOM)?;
        let _session = body.sized_u8()?;
        let length = usize::from(body.u16()?);
        let ciphers = body.take_up_to(length);
        self.ciphers = numbers(ciphers).collect();
        if ciphers.len() < length {
            return None;
        }
        let _compression = body.sized_u8()?;
        if body.is_empty() {
            return Some(());
        }
        let length = usize::from(body.u16()?);
        let mut extensions = Cursor(body.take_up_to(length));
        let is_whole = extensions.0.len() == length;
        while !extensions.is_empty() {
            let (kind, length) = (extensions.u16()?, usize::from(extensions.u16()?));
            let data = extensions.take_up_to(length);
            self.extensions.push(kind);
            self.extension(kind, data);
            if data.len() < length {
                return None;
            }
        }
        is_whole.then_some(())
    }

    fn extension(&mut self, kind: u16, data: &'a [u8]) {
        let mut data = Cursor(data);
        match kind {
            SERVER_NAME => self.server_name = server_name(data),
            SUPPORTED_GROUPS => {
                self.groups = data.sized_u16().into_iter().flat_map(numbers).collect();
            }
            POINT_FORMATS => self.point_formats = data.sized_u8().unwrap_or_default().to_vec(),
            SIGNATURE_ALGORITHMS => {
                self.signature_algorithms =
                    data.sized_u16().into_iter().flat_map(numbers).collect();
            }
            SUPPORTED_VERSIONS => {
                self.versions = data.sized_u8().into_iter().flat_map(numbers).collect();
            }
            ALPN => self.protocols = protocols(data),
            _ => {}
        }
    }
}

/// The first host name of the list; all of it must be there, half a name is another name.
fn server_name(mut data: Cursor<'_>) -> Option<&[u8]> {
    data.u16()?;
    while let (Some(kind), Some(name)) = (data.u8(), data.sized_u16()) {
        if kind == 0 {
            return Some(name);
        }
    }
    None
}

fn protocols(mut data: Cursor<'_>) -> Vec<&[u8]> {
    let mut protocols = Vec::new();
    if data.u16().is_some() {
        while let Some(name) = data.sized_u8() {
            protocols.push(name);
        }
    }
    protocols
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// IANA's name, or the number.
fn cipher_name(number: u16) -> String {
    match TlsCipherSuite::from_id(number) {
        Some(suite) => suite.name.to_owned(),
        None => format!("0x{number:04x}"),
    }
}

pub(super) fn server(body: &[u8], is_whole: bool, tls: &mut Tls) {
    let mut hello = ServerHello::default();
    let is_read = hello.read(body).is_some() && is_whole;
    tls.version = hello.chosen_version.or(is_read.then_some(hello.version));
    tls.server = Some(TlsServer {
        cipher: hello.cipher.map(cipher_name),
        alpn: hello.protocol.and_then(text),
        ja3s: is_read.then(|| ja3::of_server(&hello)),
    });
}

/// What JA3S is made of.
#[derive(Debug, Default)]
pub(super) struct ServerHello<'a> {
    pub(super) version: u16,
    pub(super) cipher: Option<u16>,
    pub(super) extensions: Vec<u16>,
    chosen_version: Option<u16>,
    protocol: Option<&'a [u8]>,
}

impl<'a> ServerHello<'a> {
    fn read(&mut self, body: &'a [u8]) -> Option<()> {
        let mut body = Cursor(body);
        self.version = body.u16()?;
        body.take(RANDOM)?;
        let is_old_draft = OLD_DRAFTS.contains(&self.version);
        if !is_old_draft {
            let _session = body.sized_u8()?;
        }
        self.cipher = Some(body.u16()?);
        if !is_old_draft {
            let _compression = body.u8()?;
        }
        if body.is_empty() {
            return Some(());
        }
        let length = usize::from(body.u16()?);
        let mut extensions = Cursor(body.take_up_to(length));
        let is_whole = extensions.0.len() == length;
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let mut data = Cursor(extensions.sized_u16()?);
            self.extensions.push(kind);
            match kind {
                SUPPORTED_VERSIONS => self.chosen_version = data.u16(),
                ALPN => self.protocol = protocols(data).first().copied(),
                _ => {}
            }
        }
        is_whole.then_some(())
    }
}
