//! SMB 1 (MS-CIFS) and SMB 2 and 3 (MS-SMB2): command, dialect, status, paths, who logs on.

use super::{Cursor, Found, ntlm, text, text_utf16};
use crate::packet::{Application, Exchange};

/// Behind the four bytes of a NetBIOS session message.
const SMB1: &[u8] = b"\xffSMB";
const SMB2: &[u8] = b"\xfeSMB";
const ENCRYPTED: &[u8] = b"\xfdSMB";
const COMPRESSED: &[u8] = b"\xfcSMB";
const SESSION_HEADER: usize = 4;
/// MS-SMB2, section 2.2.1.
const HEADER: usize = 64;
const IS_ANSWER: u32 = 1;
/// MS-CIFS, section 2.2.3.1.
const HEADER_1: usize = 32;
const IS_ANSWER_1: u8 = 0x80;
const UNICODE_1: u16 = 0x8000;
/// Commands of SMB 2.
const NEGOTIATE: u16 = 0;
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;
const COMMANDS: [&str; 20] = [
    "negotiate",
    "session_setup",
    "logoff",
    "tree_connect",
    "tree_disconnect",
    "create",
    "close",
    "flush",
    "read",
    "write",
    "lock",
    "ioctl",
    "cancel",
    "echo",
    "query_directory",
    "change_notify",
    "query_info",
    "set_info",
    "oplock_break",
    "server_to_client_notification",
];
/// Messages chained in one packet that are read.
const MOST_MESSAGES: usize = 16;
const MORE_MESSAGES: &str = "smb: chained messages beyond the first 16 are left out";

pub(super) fn decode(payload: &[u8]) -> Option<Found> {
    // A session message, whose length has three bytes.
    let (&[0, _, _, _], message) = payload.split_first_chunk::<SESSION_HEADER>()? else {
        return None;
    };
    let signature = message.get(..4)?;
    let mut found = Application::default();
    let mut exchange = Exchange::default();
    match signature {
        SMB2 => {
            let mut rest = message;
            let mut count = 0;
            while let Some(behind) = message_2(rest, &mut exchange) {
                rest = behind;
                count += 1;
                if count == MOST_MESSAGES {
                    found.notes.push(MORE_MESSAGES);
                    break;
                }
            }
        }
        SMB1 => message_1(message, &mut exchange).unwrap_or_default(),
        ENCRYPTED => exchange.version = Some("3 encrypted".to_owned()),
        COMPRESSED => exchange.version = Some("3 compressed".to_owned()),
        _ => return None,
    }
    if exchange.operations.iter().any(|operation| operation.starts_with("session_setup")) {
        let (user, challenger) = ntlm::read(message);
        found.user = user.unwrap_or_default();
        found.challenger = challenger;
    }
    found.message = Application::from(exchange).message;
    Some(Found::with(&["smb"], found))
}

/// Reads one message, and returns the one chained to it.
fn message_2<'a>(message: &'a [u8], exchange: &mut Exchange) -> Option<&'a [u8]> {
    let header = message.get(..HEADER)?;
    let mut fields = Cursor(header.strip_prefix(SMB2)?);
    fields.take(4)?;
    let status = fields.u32_le()?;
    let command = fields.u16_le()?;
    fields.take(2)?;
    let is_answer = fields.u32_le()? & IS_ANSWER != 0;
    let next = usize::try_from(fields.u32_le()?).ok()?;
    exchange.version.get_or_insert_with(|| "2".to_owned());
    operation(command, exchange);
    if is_answer && exchange.status.is_none() {
        exchange.status = Some(format!("0x{status:08x}"));
    }
    match (command, is_answer) {
        (NEGOTIATE, true) => {
            if let Some(dialect) = Cursor(message.get(HEADER + 4..)?).u16_le() {
                exchange.version = Some(dialect_name(dialect));
            }
        }
        // Offset and length of the path stand behind two bytes of size and two of flags.
        (TREE_CONNECT, false) => path(message, HEADER + 4, exchange),
        (CREATE, false) => path(message, HEADER + 44, exchange),
        _ => {}
    }
    if next < HEADER { None } else { message.get(next..) }
}

fn operation(command: u16, exchange: &mut Exchange) {
    let name = COMMANDS.get(usize::from(command));
    let name = name.map_or_else(|| command.to_string(), |name| (*name).to_owned());
    if !exchange.operations.contains(&name) {
        exchange.operations.push(name);
    }
}

/// The path whose offset from the header and whose length stand at `at`.
fn path(message: &[u8], at: usize, exchange: &mut Exchange) {
    let read = || {
        let mut fields = Cursor(message.get(at..)?);
        let (offset, length) = (fields.u16_le()?, fields.u16_le()?);
        let end = usize::from(offset) + usize::from(length);
        text_utf16(message.get(usize::from(offset)..end)?)
    };
    exchange.argument = exchange.argument.take().or_else(read);
}

/// MS-SMB2, section 2.2.4.
fn dialect_name(dialect: u16) -> String {
    match dialect {
        0x02ff => "2".to_owned(),
        0x0202 => "2.0.2".to_owned(),
        0x0210 => "2.1".to_owned(),
        0x0300 => "3.0".to_owned(),
        0x0302 => "3.0.2".to_owned(),
        0x0311 => "3.1.1".to_owned(),
        other => format!("0x{other:04x}"),
    }
}

fn message_1(message: &[u8], exchange: &mut Exchange) -> Option<()> {
    exchange.version = Some("1".to_owned());
    let mut fields = Cursor(message.get(..HEADER_1)?.strip_prefix(SMB1)?);
    let command = fields.u8()?;
    let status = fields.u32_le()?;
    let is_answer = fields.u8()? & IS_ANSWER_1 != 0;
    let is_unicode = fields.u16_le()? & UNICODE_1 != 0;
    let (name, string_at) = command_1(command);
    exchange.operations.push(name.map_or_else(|| format!("0x{command:02x}"), str::to_owned));
    if is_answer {
        exchange.status = Some(format!("0x{status:08x}"));
        return Some(());
    }
    // Words, counted, then bytes, counted.
    let mut body = Cursor(message.get(HEADER_1..)?);
    let words = usize::from(body.u8()?) * 2;
    let words = body.take(words)?;
    let bytes_at = HEADER_1 + 1 + words.len() + 2;
    let bytes = message.get(bytes_at..)?;
    let skipped = match string_at? {
        PathAt::Start => 0,
        // A byte for the format of what follows.
        PathAt::Format => 1,
        // A password, whose length is the fourth word.
        PathAt::Password => usize::from(Cursor(words.get(6..)?).u16_le()?),
    };
    // Text in UTF-16 begins at an even place in the message.
    let padding = if is_unicode { (bytes_at + skipped) % 2 } else { 0 };
    let bytes = bytes.get(skipped + padding..)?;
    exchange.argument = if is_unicode {
        let units = bytes.chunks_exact(2).take_while(|unit| **unit != [0, 0]).count();
        text_utf16(&bytes[..units * 2])
    } else {
        text(&bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())])
    };
    Some(())
}

/// Where a command of SMB 1 has its path, among the bytes.
#[derive(Debug, Clone, Copy)]
enum PathAt {
    Start,
    Format,
    Password,
}

/// MS-CIFS, section 2.2.2.1, without what nobody sends any more.
fn command_1(command: u8) -> (Option<&'static str>, Option<PathAt>) {
    let name = match command {
        0x00 => return (Some("create_directory"), Some(PathAt::Format)),
        0x01 => return (Some("delete_directory"), Some(PathAt::Format)),
        0x06 => return (Some("delete"), Some(PathAt::Format)),
        0x2d => return (Some("open_andx"), Some(PathAt::Start)),
        0x75 => return (Some("tree_connect_andx"), Some(PathAt::Password)),
        0xa2 => return (Some("nt_create_andx"), Some(PathAt::Start)),
        0x04 => "close",
        0x07 => "rename",
        0x0a => "read",
        0x0b => "write",
        0x24 => "locking_andx",
        0x25 => "transaction",
        0x2b => "echo",
        0x2e => "read_andx",
        0x2f => "write_andx",
        0x32 => "transaction2",
        0x34 => "find_close2",
        0x71 => "tree_disconnect",
        0x72 => "negotiate",
        0x73 => "session_setup_andx",
        0x74 => "logoff_andx",
        0xa0 => "nt_transact",
        0xa4 => "nt_cancel",
        _ => return (None, None),
    };
    (Some(name), None)
}
