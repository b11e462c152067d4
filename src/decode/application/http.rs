//! HTTP/1 (RFC 9112), and SSDP, which borrows its form.
//!
//! Read line by line and not with a parser of whole heads: one that finds a damaged line, or no
//! end, gives nothing, and the lines before it are what is looked for.

use std::net::{IpAddr, SocketAddr};

use base64_simd::STANDARD;

use super::{Found, Ports, ntlm, text, url};
use crate::packet::{Application, Challenger, Http, Message, User};

/// Methods that tell a request whose line is cut or has no version (RFC 9110, section 9; PATCH:
/// RFC 5789; WebDAV: RFC 4918). Any other is known by the version behind it.
const METHODS: [&[u8]; 16] = [
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
];
const LONGEST_METHOD: usize = 24;
const VERSION: &[u8] = b"HTTP/";
const SSDP: u16 = 1900;
/// Lines of a head that are read; servers allow about as many.
const MOST_LINES: usize = 128;
/// Values that are kept of a field that may come again and again.
const MOST_VALUES: usize = 32;

const MORE_LINES: &str = "http: header lines beyond the first 128 are left out";
const MORE_VALUES: &str =
    "http: cookies, proxies and forwarded addresses beyond the first 32 are left out";
const CUT: &str = "http: the head goes on beyond this packet; what stands in it is kept";

pub(super) fn over_tcp(payload: &[u8]) -> Option<Found> {
    decode(payload).map(|details| Found::with(&["http"], details))
}

pub(super) fn over_udp(ports: Ports, payload: &[u8]) -> Option<Found> {
    if !ports.any(&[SSDP]) {
        return None;
    }
    decode(payload).map(|details| Found::with(&["ssdp"], details))
}

fn decode(payload: &[u8]) -> Option<Application> {
    let is_response = is_version(payload);
    if !is_response && !has_method(payload) {
        return None;
    }
    let mut lines = Lines(payload);
    // A first line that goes on beyond the packet: the target is still worth having.
    let first = match lines.next() {
        Some(line) => line,
        None => std::mem::take(&mut lines.0),
    };
    let mut head = Head::default();
    if is_response {
        head.status_line(first);
    } else {
        head.request_line(first)?;
    }
    let mut is_ended = false;
    for line in lines.by_ref().take(MOST_LINES) {
        if line.is_empty() {
            is_ended = true;
            break;
        }
        head.field(line, true);
    }
    if !is_ended {
        let is_more = memchr::memchr(b'\n', lines.0).is_some();
        head.note(if is_more { MORE_LINES } else { CUT });
        if !is_more {
            head.field(lines.0, false);
        }
    }
    Some(head.into_application())
}

/// `HTTP/1.1`; the digit before the dot is all that matters.
fn is_version(bytes: &[u8]) -> bool {
    bytes.strip_prefix(VERSION).is_some_and(|digits| matches!(digits, [b'0'..=b'9', b'.', ..]))
}

/// A word in capitals, then a space.
fn has_method(payload: &[u8]) -> bool {
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || b"-_".contains(byte);
    let end = payload.iter().take(LONGEST_METHOD).position(|byte| !is_method(byte));
    end.is_some_and(|end| end > 1 && payload[end] == b' ')
}

/// The lines that end in the packet, without their ends.
#[derive(Debug)]
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.0)?;
        let (line, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// A header line: name and value.
pub(super) fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

#[derive(Debug, Default)]
struct Head {
    http: Http,
    user: User,
    challenger: Option<Box<Challenger>>,
    notes: Vec<&'static str>,
}

impl Head {
    fn status_line(&mut self, line: &[u8]) {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        self.version(words.next().unwrap_or_default());
        let code = words.next().filter(|code| code.len() == 3);
        self.http.status = code.and_then(|code| text(code)?.parse().ok());
        self.http.phrase = words.next().and_then(text);
    }

    /// The words of `METHOD TARGET HTTP/1.x`. Without a version it is a line that was cut, or of
    /// HTTP/0.9; one that ends otherwise is another protocol's.
    fn request_line(&mut self, line: &[u8]) -> Option<()> {
        let (method, rest) = split_at_space(line)?;
        let (target, version) = match memchr::memrchr(b' ', rest) {
            Some(space) => (&rest[..space], &rest[space + 1..]),
            None if is_version(rest) => (&[][..], rest),
            None => (rest, &[][..]),
        };
        let is_cut =
            METHODS.contains(&method) && rest.starts_with(b"/") && b"HTTP/1.1".starts_with(version);
        if is_version(version) {
            self.version(version);
        } else if !is_cut {
            return None;
        }
        self.http.method = text(method);
        self.http.target = text(target).map(|target| {
            if method == b"CONNECT" {
                url::authority_without_password(target)
            } else {
                url::without_password(target, true)
            }
        });
        Some(())
    }

    fn version(&mut self, word: &[u8]) {
        self.http.version = word.strip_prefix(b"HTTP/").and_then(text);
    }

    /// Of a line that goes on beyond the packet only what is a text is kept: half a host or a
    /// number is another one.
    fn field(&mut self, line: &[u8], is_whole: bool) {
        let Some((name, value)) = name_and_value(line) else { return };
        let http = &mut self.http;
        let named = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        // By length first: most fields are none of these.
        match name.len() {
            6 if named("Accept") => keep_first(&mut http.accept, value),
            6 if named("Server") => keep_first(&mut http.server, value),
            7 if named("Referer") => keep_url(&mut http.referrer, value, is_whole),
            8 if named("Location") => keep_url(&mut http.location, value, is_whole),
            12 if named("X-Powered-By") => keep_first(&mut http.powered_by, value),
            10 if named("User-Agent") => keep_first(&mut http.user_agent, value),
            15 if named("Accept-Encoding") => keep_first(&mut http.accept_encoding, value),
            15 if named("Accept-Language") => keep_first(&mut http.accept_language, value),
            _ if !is_whole => {}
            3 if named("Via") => self.via(value),
            4 if named("Host") => keep_first(&mut http.host, value),
            6 if named("Cookie") => self.cookies(value.split(|byte| *byte == b';')),
            9 if named("X-Real-IP") => self.forwarded(value),
            9 if named("Forwarded") => self.forwarded(value),
            10 if named("Set-Cookie") => self.cookies(value.split(|byte| *byte == b';').take(1)),
            12 if named("Content-Type") => {
                let end = memchr::memchr(b';', value).unwrap_or(value.len());
                keep_first(&mut http.mime_type, &value[..end]);
            }
            13 if named("Authorization") => self.credentials(value),
            14 if named("Content-Length") => {
                http.body_length = text(value).and_then(|length| length.parse().ok());
            }
            15 if named("X-Forwarded-For") => self.forwarded(value),
            16 if named("X-Forwarded-Host") => keep_first(&mut http.forwarded_host, value),
            17 if named("X-Forwarded-Proto") => keep_first(&mut http.forwarded_proto, value),
            16 if named("WWW-Authenticate") => self.credentials(value),
            18 if named("Proxy-Authenticate") => self.credentials(value),
            19 if named("Proxy-Authorization") => self.credentials(value),
            _ => {}
        }
    }

    fn cookies<'a>(&mut self, cookies: impl Iterator<Item = &'a [u8]>) {
        for cookie in cookies {
            // Without a name it is all value (RFC 6265, section 5.2), and that is secret.
            let Some(end) = memchr::memchr(b'=', cookie) else { continue };
            let Some(name) = text(&cookie[..end]) else { continue };
            if self.http.cookies.len() == MOST_VALUES {
                return self.note(MORE_VALUES);
            }
            if !self.http.cookies.contains(&name) {
                self.http.cookies.push(name);
            }
        }
    }

    fn via(&mut self, value: &[u8]) {
        if self.http.via.len() == MOST_VALUES {
            return self.note(MORE_VALUES);
        }
        self.http.via.extend(text(value));
    }

    /// `X-Forwarded-For: client, proxy`, `X-Real-IP: client`, `Forwarded: for="[…]:port";by=…`
    /// (RFC 7239).
    fn forwarded(&mut self, value: &[u8]) {
        if self.http.forwarded_for.len() == MOST_VALUES {
            return self.note(MORE_VALUES);
        }
        let Some(value) = text(value) else { return };
        for part in value.split([',', ';']) {
            let address = match part.trim().split_once('=') {
                Some((key, node)) if key.eq_ignore_ascii_case("for") => node,
                Some(_) => continue,
                None => part,
            };
            let Some(address) = node_address(address.trim().trim_matches('"')) else { continue };
            if self.http.forwarded_addresses.len() == MOST_VALUES {
                self.note(MORE_VALUES);
                break;
            }
            if !self.http.forwarded_addresses.contains(&address) {
                self.http.forwarded_addresses.push(address);
            }
        }
        self.http.forwarded_for.push(value);
    }

    /// The name that somebody logs on with; never the password behind it.
    fn credentials(&mut self, value: &[u8]) {
        let Some((scheme, rest)) = split_at_space(value) else { return };
        if scheme.eq_ignore_ascii_case(b"Basic") {
            let Ok(pair) = STANDARD.decode_to_vec(rest.trim_ascii()) else { return };
            if let Some(colon) = memchr::memchr(b':', &pair) {
                self.user.name = text(&pair[..colon]);
            }
        } else if scheme.eq_ignore_ascii_case(b"Digest") {
            self.user.name = digest_user(value);
        } else if let Ok(token) = STANDARD.decode_to_vec(rest.trim_ascii()) {
            let (user, challenger) = ntlm::read(&token);
            self.user = user.unwrap_or_else(|| std::mem::take(&mut self.user));
            self.challenger = self.challenger.take().or(challenger);
        }
    }

    fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn into_application(self) -> Application {
        Application {
            message: Message::Http(Box::new(self.http)),
            user: self.user,
            challenger: self.challenger,
            notes: self.notes,
        }
    }
}

/// The name in `Digest username="alice", realm="…"` (RFC 7616).
pub(super) fn digest_user(value: &[u8]) -> Option<String> {
    let (_, parameters) = split_at_space(value)?;
    let parameters = String::from_utf8_lossy(parameters);
    let name = parameters.split(',').find_map(|part| part.trim().strip_prefix("username="))?;
    text(name.trim_matches('"').as_bytes())
}

fn keep_first(field: &mut Option<String>, value: &[u8]) {
    if field.is_none() {
        *field = text(value);
    }
}

fn keep_url(field: &mut Option<String>, value: &[u8], is_whole: bool) {
    if field.is_none() {
        *field = text(value).map(|value| url::without_password(value, is_whole));
    }
}

fn split_at_space(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    Some((&line[..space], &line[space + 1..]))
}

/// An address with or without a port.
fn node_address(node: &str) -> Option<IpAddr> {
    node.parse()
        .or_else(|_| node.trim_matches(['[', ']']).parse())
        .or_else(|_| node.parse().map(|node: SocketAddr| node.ip()))
        .ok()
}
