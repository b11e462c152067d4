//! What the scripts in `bench/` need and is awkward in a shell: captures of any size, and the
//! plainest programs that do what the archiver does, whose rates are its floors.
//!
//! | arguments | what it does |
//! | --- | --- |
//! | `capture PACKETS FILE` | makes a capture |
//! | `repeat CAPTURE TIMES FILE` | the same capture many times, with later and later times |
//! | `resize CAPTURE PACKETS FILE` | the same, with so many packets |
//! | `decode CAPTURE` | reads and decodes on all cores, and keeps nothing; prints packets |
//! | `record FOLDER` | a proxy that keeps the bulk bodies that pass; prints its address |
//! | `form FORM FOLDER FOLDER` | such bodies in another form: `smile`, `no-id`, `bytes`, `hosts` |
//! | `page INDEX KEY [HOST]` | pages through an index; prints documents, seconds to the first, bytes |
//! | `page-smile INDEX KEY` | the same, with answers in SMILE |
//!
//! `record` and `page` find the server as the tests do: `ELASTICSEARCH_URL`, `ELASTICSEARCH_CA_CERT`.

mod captures;
mod decode;
mod forms;
mod page;
mod record;
mod server;

use std::env;
use std::error::Error;
use std::path::Path;

use page::Answers;

const USAGE: &str = "capture PACKETS FILE, repeat CAPTURE TIMES FILE, \
    resize CAPTURE PACKETS FILE, decode CAPTURE, record FOLDER, \
    form FORM FOLDER FOLDER, page INDEX KEY [HOST], or page-smile INDEX KEY";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["capture", packets, file] => captures::make(packets.parse()?, Path::new(file)),
        ["repeat", capture, times, file] => {
            captures::repeat(Path::new(capture), times.parse()?, Path::new(file))
        }
        ["resize", capture, packets, file] => {
            captures::resize(Path::new(capture), packets.parse()?, Path::new(file))
        }
        ["decode", capture] => decode::run(Path::new(capture)),
        ["record", folder] => record::run(Path::new(folder)),
        ["form", form, from, to] => forms::change(form, Path::new(from), Path::new(to)),
        ["page", index, key] => page::run(index, Path::new(key), None, Answers::Json),
        ["page", index, key, host] => page::run(index, Path::new(key), Some(host), Answers::Json),
        ["page-smile", index, key] => page::run(index, Path::new(key), None, Answers::Smile),
        _ => Err(USAGE.into()),
    }
}
