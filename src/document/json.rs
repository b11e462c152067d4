//! A document as JSON: objects nest as the dots in the names say, as ECS writes it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::document::fields::{Field, FieldId};
use crate::document::{Document, Value};

impl Document<'_> {
    /// Appends the document as one JSON object of nested objects, as ECS writes it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut open: Vec<&str> = Vec::new();
        let mut first = true;
        out.push(b'{');
        for values in self.values.chunk_by(|a, b| a.0 == b.0) {
            let field = values[0].0.field();
            let name = enter(out, &mut open, &mut first, field);
            write_string(out, name);
            out.push(b':');
            write_values(out, field, values);
            first = false;
        }
        out.extend(open.iter().map(|_| b'}'));
        out.push(b'}');
    }
}

/// Closes and opens objects until the field's own object is open; returns its last name part.
fn enter<'n>(
    out: &mut Vec<u8>,
    open: &mut Vec<&'n str>,
    first: &mut bool,
    field: &'static Field,
) -> &'n str {
    let (parents, name) = field.name.rsplit_once('.').unwrap_or(("", field.name));
    let parents: Vec<&'static str> =
        if parents.is_empty() { Vec::new() } else { parents.split('.').collect() };
    let shared = open.iter().zip(&parents).take_while(|(a, b)| a == b).count();
    for _ in open.drain(shared..) {
        out.push(b'}');
    }
    for parent in parents.into_iter().skip(shared) {
        if !*first {
            out.push(b',');
        }
        write_string(out, parent);
        out.extend(b":{");
        open.push(parent);
        *first = true;
    }
    if !*first {
        out.push(b',');
    }
    name
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
        Value::Time(time) => write_string(out, &time.to_string()),
        Value::Ip(address) => write_string(out, &address.to_string()),
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

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    BASE64_STANDARD
        .encode_slice(bytes, &mut out[start..])
        .unwrap_or_else(|_| unreachable!("the slice has the encoded length"));
    out.push(b'"');
}
