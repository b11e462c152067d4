//! What cannot be read twice: pipes, devices, and standard input.

use std::fs::File;

use crate::capture::{CaptureError, CaptureReader};
use crate::ingest::discover::Look;
use crate::ingest::read::parts::{self, Parts};
use crate::ingest::read::stream::StoppableInput;
use crate::ingest::read::{Closed, Numbered, Reader, Steps, failed};
use crate::ingest::{FileOutcome, FileReport};
use crate::packet::Source;

impl Reader {
    /// A pipe or device: read once, to its end.
    pub(super) fn read_device(&mut self, look: &Look, steps: &Steps) -> Result<(), Closed> {
        let shown = look.path.display().to_string();
        match File::open(&look.path) {
            Ok(file) => {
                let parts = Parts::new(self.source(look), shown, None);
                let input = StoppableInput::new(file, self.stop.clone());
                self.read_once(CaptureReader::new(input), parts, look.named, steps)
            }
            Err(error) => parts::report(failed(shown, &error.to_string()), steps),
        }
    }

    pub(super) fn read_stream(
        &mut self,
        input: StoppableInput,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let source = Source {
            file_name: "-".to_owned(),
            file_path: "-".to_owned(),
            sensor: self.sensor.clone(),
        };
        // Nobody knows when the next packet comes: each is handed on by itself.
        let parts = Parts::new(source, "-".to_owned(), None).one_by_one();
        self.read_once(CaptureReader::new(input), parts, true, steps)
    }

    fn read_once(
        &mut self,
        reader: Result<CaptureReader, CaptureError>,
        mut parts: Parts,
        named: bool,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let mut reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                let (path, outcome) = (parts.path().to_owned(), self.refused(&error, named));
                return parts::report(FileReport { path, outcome, ..FileReport::default() }, steps);
            }
        };
        // A stop ends the input, once what is in it has been read.
        let outcome = loop {
            match reader.next_packet() {
                Ok(Some((frame, packet))) => {
                    self.progress.add_packets(1);
                    parts.push_plain(Numbered { frame, packet });
                    if parts.is_full() {
                        self.send(&mut parts, steps)?;
                    }
                }
                Ok(None) if self.stop.is_cancelled() => break FileOutcome::Interrupted,
                Ok(None) => break FileOutcome::Done,
                Err(error) => break self.refused(&error, true),
            }
        };
        self.send(&mut parts, steps)?;
        for note in reader.report().lines() {
            parts.note(note);
        }
        parts.end_plain(outcome, steps)
    }
}
