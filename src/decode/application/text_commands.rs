//! FTP (RFC 959), SMTP (RFC 5321), POP3 (RFC 1939), IMAP (RFC 9051): a line of text is a
//! command, or its answer.

use std::net::{IpAddr, Ipv4Addr};

use super::http::Lines;
use super::{Found, Ports, text};
use crate::packet::{Application, Exchange, Message, User};

const FTP: &[u16] = &[21];
const SMTP: &[u16] = &[25, 465, 587, 2525];
const POP3: &[u16] = &[110];
const IMAP: &[u16] = &[143];

/// Commands, without which a line at one of the ports is only text: the body of a mail.
const FTP_COMMANDS: &[&str] = &[
    "ABOR", "ACCT", "ADAT", "ALLO", "APPE", "AUTH", "CCC", "CDUP", "CLNT", "CWD", "DELE", "EPRT",
    "EPSV", "FEAT", "HELP", "HOST", "LANG", "LIST", "LPRT", "LPSV", "MDTM", "MFMT", "MKD", "MLSD",
    "MLST", "MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV", "PBSZ", "PORT", "PROT", "PWD", "QUIT",
    "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE", "STAT", "STOR", "STOU", "STRU",
    "SYST", "TYPE", "USER", "XCUP", "XMKD", "XPWD", "XRMD",
];
const SMTP_COMMANDS: &[&str] = &[
    "AUTH", "BDAT", "DATA", "EHLO", "ETRN", "EXPN", "HELO", "HELP", "MAIL", "NOOP", "QUIT", "RCPT",
    "RSET", "STARTTLS", "VRFY",
];
const POP3_COMMANDS: &[&str] = &[
    "APOP", "AUTH", "CAPA", "DELE", "LIST", "NOOP", "PASS", "QUIT", "RETR", "RSET", "STAT", "STLS",
    "TOP", "UIDL", "USER", "UTF8",
];
const IMAP_COMMANDS: &[&str] = &[
    "APPEND",
    "AUTHENTICATE",
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "COPY",
    "CREATE",
    "DELETE",
    "ENABLE",
    "EXAMINE",
    "EXPUNGE",
    "FETCH",
    "ID",
    "IDLE",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "LSUB",
    "MOVE",
    "NAMESPACE",
    "NOOP",
    "RENAME",
    "SEARCH",
    "SELECT",
    "STARTTLS",
    "STATUS",
    "STORE",
    "SUBSCRIBE",
    "UID",
    "UNSELECT",
    "UNSUBSCRIBE",
];
/// A command is not longer than `AUTHENTICATE`, an IMAP tag hardly longer than that.
const LONGEST_WORD: usize = 24;
/// Recipients that are kept of commands sent together (RFC 2920).
const MOST_COMMANDS: usize = 32;
const MORE_COMMANDS: &str = "commands beyond the first 32 of the packet are left out";

/// FTP: entering passive mode (RFC 959, section 5.4).
const PASSIVE: &[u8] = b"227";
/// What a server of IMAP says about a message, behind its number (RFC 9051, section 7.5).
const IMAP_NEWS: &[&str] = &["EXISTS", "RECENT", "EXPUNGE", "FETCH"];

/// Reads one line; `None` when it is none of the protocol's.
type ReadLine = fn(&mut Talk, &[u8]) -> Option<()>;

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let (names, read): (&'static [&'static str], ReadLine) = match () {
        () if ports.any(FTP) => (&["ftp"], Talk::ftp),
        () if ports.any(SMTP) => (&["smtp"], Talk::smtp),
        () if ports.any(POP3) => (&["pop3"], Talk::pop3),
        () if ports.any(IMAP) => (&["imap"], Talk::imap),
        () => return None,
    };
    let mut lines = Lines(payload);
    let mut talk = Talk::default();
    read(&mut talk, lines.next()?)?;
    while talk.more_may_follow() {
        let Some(line) = lines.next() else { break };
        if talk.exchange.operations.len() == MOST_COMMANDS {
            talk.notes.push(MORE_COMMANDS);
            break;
        }
        if read(&mut talk, line).is_none() {
            break;
        }
    }
    Some(Found::with(names, talk.into_application()))
}

#[derive(Debug, Default)]
struct Talk {
    exchange: Exchange,
    user: User,
    notes: Vec<&'static str>,
}

impl Talk {
    /// Commands may come together. Of an answer the first line is enough, and what follows DATA
    /// is a mail.
    fn more_may_follow(&self) -> bool {
        let is_data = self.exchange.operations.last().is_some_and(|command| command == "DATA");
        self.exchange.status.is_none() && !is_data
    }

    fn ftp(&mut self, line: &[u8]) -> Option<()> {
        if self.numbered_answer(line).is_some() {
            if let Some(place) = line.strip_prefix(PASSIVE) {
                self.exchange.addresses.extend(host_and_port(place));
            }
            return Some(());
        }
        let (command, argument) = command(line, FTP_COMMANDS)?;
        match command.as_str() {
            "USER" => self.user.name = text(argument),
            "PASS" | "ACCT" | "ADAT" => {}
            "PORT" => {
                self.exchange.addresses.extend(host_and_port(argument));
                self.argument(argument);
            }
            "EPRT" => {
                self.exchange.addresses.extend(extended_address(argument));
                self.argument(argument);
            }
            _ => self.argument(argument),
        }
        self.exchange.operations.push(command);
        Some(())
    }

    fn smtp(&mut self, line: &[u8]) -> Option<()> {
        self.numbered_answer(line).or_else(|| {
            let (command, argument) = command(line, SMTP_COMMANDS)?;
            match command.as_str() {
                "AUTH" => self.argument(words(argument).0),
                "MAIL" => {
                    self.exchange.from = path(argument);
                    self.argument(argument);
                }
                "RCPT" => {
                    self.exchange.to.extend(path(argument));
                    self.argument(argument);
                }
                _ => self.argument(argument),
            }
            self.exchange.operations.push(command);
            Some(())
        })
    }

    fn pop3(&mut self, line: &[u8]) -> Option<()> {
        let (word, rest) = words(line);
        if matches!(word, b"+OK" | b"-ERR") {
            self.answer(word, rest);
            return Some(());
        }
        let (command, argument) = command(line, POP3_COMMANDS)?;
        match command.as_str() {
            "USER" | "APOP" => self.user.name = text(words(argument).0),
            "PASS" => {}
            "AUTH" => self.argument(words(argument).0),
            _ => self.argument(argument),
        }
        self.exchange.operations.push(command);
        Some(())
    }

    /// `tag COMMAND arguments`, `tag OK text`, `* OK text`, `* 12 FETCH …`.
    fn imap(&mut self, line: &[u8]) -> Option<()> {
        let (tag, rest) = words(line);
        let is_tag = tag.iter().all(|c| c.is_ascii_alphanumeric() || b"*.-_".contains(c));
        if tag.is_empty() || tag.len() > LONGEST_WORD || !is_tag {
            return None;
        }
        let (word, text_behind) = words(rest);
        if matches!(word, b"OK" | b"NO" | b"BAD" | b"BYE" | b"PREAUTH") {
            self.answer(word, text_behind);
            return Some(());
        }
        let is_news = tag == b"*" && !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        let (command, argument) =
            if is_news { command(text_behind, IMAP_NEWS)? } else { command(rest, IMAP_COMMANDS)? };
        match command.as_str() {
            "LOGIN" => self.user.name = quoted(argument),
            "AUTHENTICATE" => self.argument(words(argument).0),
            _ => self.argument(argument),
        }
        self.exchange.operations.push(command);
        Some(())
    }

    /// Three digits, then a space, or a hyphen where more lines follow.
    fn numbered_answer(&mut self, line: &[u8]) -> Option<()> {
        let (code, rest) = line.split_first_chunk::<3>()?;
        let is_answer = code[0].is_ascii_digit()
            && code.iter().all(u8::is_ascii_digit)
            && matches!(rest.first(), None | Some(b' ' | b'-'));
        if !is_answer || !self.exchange.operations.is_empty() {
            return None;
        }
        self.answer(code, rest.get(1..).unwrap_or_default());
        Some(())
    }

    fn answer(&mut self, status: &[u8], rest: &[u8]) {
        self.exchange.status = text(status);
        self.argument(rest);
    }

    /// The first one stands for all.
    fn argument(&mut self, argument: &[u8]) {
        if self.exchange.argument.is_none() {
            self.exchange.argument = text(argument);
        }
    }

    fn into_application(self) -> Application {
        let message = Message::Exchange(Box::new(self.exchange));
        Application { message, user: self.user, notes: self.notes, ..Application::default() }
    }
}

/// The word up to the first space, and what stands behind it.
fn words(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', line) {
        Some(space) => (&line[..space], &line[space + 1..]),
        None => (line, &[]),
    }
}

/// The command in capitals, and its arguments; `None` when it is not one of `known`.
fn command<'a>(line: &'a [u8], known: &[&str]) -> Option<(String, &'a [u8])> {
    let (word, rest) = words(line);
    if word.len() > LONGEST_WORD {
        return None;
    }
    let command = known.iter().find(|known| word.eq_ignore_ascii_case(known.as_bytes()))?;
    Some(((*command).to_owned(), rest))
}

/// A word, or text between quotes. Of a literal only its length stands there (RFC 9051, section
/// 4.3).
fn quoted(argument: &[u8]) -> Option<String> {
    match argument.strip_prefix(b"\"") {
        None if argument.starts_with(b"{") => None,
        Some(rest) => text(&rest[..memchr::memchr(b'"', rest).unwrap_or(rest.len())]),
        None => text(words(argument).0),
    }
}

/// The address in `FROM:<somebody@example.com> …`.
fn path(argument: &[u8]) -> Option<String> {
    let start = memchr::memchr(b'<', argument)? + 1;
    let end = start + memchr::memchr(b'>', &argument[start..])?;
    text(&argument[start..end])
}

/// `192,0,2,1,4,31` (RFC 959, section 4.1.2); an answer says something in front of it.
fn host_and_port(argument: &[u8]) -> Option<IpAddr> {
    let start = argument.iter().position(|byte| *byte == b'(').map_or(0, |at| at + 1);
    let text = text(&argument[start..])?;
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u8>);
    let mut next = || numbers.next()?.ok();
    let address = [next()?, next()?, next()?, next()?];
    next().and_then(|_| next()).map(|_| Ipv4Addr::from(address).into())
}

/// `|2|2001:db8::1|5282|`, with any character for the bar (RFC 2428, section 2).
fn extended_address(argument: &[u8]) -> Option<IpAddr> {
    let (bar, rest) = argument.split_first()?;
    text(rest.split(|byte| byte == bar).nth(1)?)?.parse().ok()
}
