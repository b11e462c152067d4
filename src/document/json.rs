//! A document as JSON: objects nest as the dots in the names say, as ECS writes it.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use base64_simd::STANDARD;

use crate::document::fields::{Field, FieldId};
use crate::document::{Document, Value};

/// What a field adds to the text before its value: written for each field of each packet, so it
/// is made once.
struct Place {
    parents: Vec<&'static str>,
    /// `"name":`
    name: Vec<u8>,
}

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let place = |field: &FieldId| {
        let mut parents: Vec<&str> = field.field().name.split('.').collect();
        let mut name = Vec::new();
        write_string(&mut name, parents.pop().unwrap_or_default());
        name.push(b':');
        Place { parents, name }
    };
    FieldId::ALL.iter().map(place).collect()
});

impl Document<'_> {
    /// Appends the document as one JSON object of nested objects, as ECS writes it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let places = &*PLACES;
        let mut open: &[&str] = &[];
        out.push(b'{');
        for values in self.values.chunk_by(|a, b| a.0 == b.0) {
            let id = values[0].0;
            let place = &places[id as usize];
            enter(out, open, &place.parents);
            open = &place.parents;
            out.extend_from_slice(&place.name);
            write_values(out, id.field(), values);
        }
        out.extend(open.iter().map(|_| b'}'));
        out.push(b'}');
    }
}

/// Closes and opens objects until the field's own object is open.
fn enter(out: &mut Vec<u8>, open: &[&str], parents: &[&str]) {
    let shared = open.iter().zip(parents).take_while(|(a, b)| a == b).count();
    out.extend(open[shared..].iter().map(|_| b'}'));
    let mut is_first = out.last() == Some(&b'{');
    for parent in &parents[shared..] {
        if !is_first {
            out.push(b',');
        }
        write_string(out, parent);
        out.extend(b":{");
        is_first = true;
    }
    if !is_first {
        out.push(b',');
    }
}

fn write_values(out: &mut Vec<u8>, field: &Field, values: &[(FieldId, Value<'_>)]) {
    // A document of several packets may have several values of every field.
    if let ([(_, value)], false) = (values, field.many) {
        return write_value(out, value);
    }
    out.push(b'[');
    for (position, (_, value)) in values.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_value(out, value);
    }
    out.push(b']');
}

fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Time(time) => write_quoted(out, time),
        Value::Ip(IpAddr::V4(address)) => write_ipv4(out, *address),
        Value::Ip(IpAddr::V6(address)) => write_quoted(out, address),
        Value::Text(text) => write_string(out, text),
        Value::Number(number) => {
            out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        Value::Boolean(boolean) => out.extend_from_slice(if *boolean { b"true" } else { b"false" }),
        Value::Bytes(bytes) => write_base64(out, bytes),
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text)
        .unwrap_or_else(|_| unreachable!("a string is always JSON, and memory takes it"));
}

/// For what has nothing to escape.
fn write_quoted(out: &mut Vec<u8>, value: impl fmt::Display) {
    write!(out, "\"{value}\"").unwrap_or_else(|_| unreachable!("memory takes it"));
}

/// Some four of them stand in each document, and the formatter takes five times as long.
fn write_ipv4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut digits = itoa::Buffer::new();
    for (place, byte) in address.octets().into_iter().enumerate() {
        out.push(if place == 0 { b'"' } else { b'.' });
        out.extend_from_slice(digits.format(byte).as_bytes());
    }
    out.push(b'"');
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    STANDARD.encode_append(bytes, out);
    out.push(b'"');
}
