//! Recorded bulk bodies in another form: what the archiver could send instead.

use std::error::Error;
use std::fs;
use std::path::Path;

use base64_simd::STANDARD;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

/// Closes each value of a body in SMILE.
const SMILE_SEPARATOR: u8 = 0xff;

/// Groups of fields, or fields, without which a packet cannot be given back.
const BYTES: &[&str] = &["@timestamp", "event", "packet", "file", "observer"];
/// Likewise of the fields below `packet`.
const PACKET: &[&str] = &["data", "length", "captured_length", "link_type"];
/// And what most queries ask for.
const HOSTS: &[&str] = &["source", "destination", "related", "network"];

pub(super) fn change(form: &str, from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir(to)?;
    let content_type = match form {
        "smile" => "application/smile",
        _ => "application/x-ndjson",
    };
    fs::write(to.join("type"), content_type)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|e| e == "body"))
        else {
            continue;
        };
        let mut body = Vec::new();
        for (number, line) in fs::read(&path)?.split(|byte| *byte == b'\n').enumerate() {
            if !line.is_empty() {
                write_line(form, number % 2 == 0, serde_json::from_slice(line)?, &mut body)?;
            }
        }
        fs::write(to.join(name), body)?;
    }
    Ok(())
}

fn write_line(
    form: &str,
    is_action: bool,
    mut line: Json,
    body: &mut Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    match (form, line.as_object_mut()) {
        ("smile", _) => {
            body.extend(serde_smile::to_vec(&WithBytes { name: "", value: &line })?);
            body.push(SMILE_SEPARATOR);
            return Ok(());
        }
        ("no-id", Some(action)) if is_action => {
            action
                .get_mut("create")
                .and_then(Json::as_object_mut)
                .map(|create| create.remove("_id"));
        }
        ("bytes", Some(document)) if !is_action => {
            keep(document, BYTES);
            if let Some(packet) = document.get_mut("packet").and_then(Json::as_object_mut) {
                keep(packet, PACKET);
            }
        }
        ("hosts", Some(document)) if !is_action => keep(document, &[BYTES, HOSTS].concat()),
        ("no-id" | "bytes" | "hosts", _) => {}
        _ => return Err("forms are smile, no-id, bytes and hosts".into()),
    }
    serde_json::to_writer(&mut *body, &line)?;
    body.push(b'\n');
    Ok(())
}

fn keep(object: &mut Map<String, Json>, names: &[&str]) {
    object.retain(|name, _| names.contains(&name.as_str()));
}

/// A value whose `data` is bytes, where the format has such a type.
struct WithBytes<'a> {
    name: &'a str,
    value: &'a Json,
}

impl Serialize for WithBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Json::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (name, value) in object {
                    map.serialize_entry(name, &WithBytes { name, value })?;
                }
                map.end()
            }
            Json::String(text) if self.name == "data" => {
                let bytes = STANDARD.decode_to_vec(text).map_err(S::Error::custom)?;
                serializer.serialize_bytes(&bytes)
            }
            other => other.serialize(serializer),
        }
    }
}
