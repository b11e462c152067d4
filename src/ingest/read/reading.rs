//! One file being read: from its first packet to its end, over as many looks as it takes.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tracing::{debug, info};

use crate::capture::{CaptureError, CaptureReader};
use crate::ingest::Progress;
use crate::ingest::dead_letters::Origins;
use crate::ingest::ledger::Ledger;
use crate::ingest::read::Numbered;
use crate::ingest::read::tail::{Head, Place, Tail};
use crate::packet::{CapturedPacket, Fingerprint, Mark, PacketId, Trail};

/// A capture file that is open.
pub(super) struct Reading {
    pub(super) file: Arc<File>,
    reader: CaptureReader,
    place: Arc<Place>,
    /// Whether the bytes behind the last packet were the beginning of another.
    is_within_packet: bool,
    head: Head,
    progress: Arc<Progress>,
    ledger: Arc<Ledger>,
    /// Where the packets stood before the store refused them, when this is such a file.
    pub(super) origins: Option<Origins>,
    /// Known from the first packet on.
    pub(super) capture: Option<Fingerprint>,
    /// How far an earlier run has stored it.
    pub(super) resumed: Trail,
    /// Packets refused of those.
    pub(super) rejected_before: u64,
    skip: Skip,
}

/// Whether what an earlier run has stored is stepped over.
enum Skip {
    /// The first packet has not been seen.
    Unknown,
    /// Up to this mark, if the way there is the same.
    To(Mark, u64),
    /// No, or it has been done.
    Done,
}

/// What comes next from a file.
pub(super) enum Next {
    Packet(Numbered),
    /// Nothing more for now.
    Nothing,
    /// Nothing more.
    End,
    /// It cannot be read on.
    Failed(CaptureError),
}

impl Reading {
    /// Opens a capture. `Ok(None)`: its header has not been written yet.
    pub(super) fn open(
        file: Arc<File>,
        ends: bool,
        origins: Option<Origins>,
        progress: Arc<Progress>,
        ledger: Arc<Ledger>,
    ) -> Result<Option<Self>, CaptureError> {
        let mut head = Head::default();
        head.is_still(&file)?;
        let Some((reader, place)) = start(&file, ends, &progress)? else { return Ok(None) };
        // What was refused is to be stored now: it has not been.
        let skip = if origins.is_some() { Skip::Done } else { Skip::Unknown };
        Ok(Some(Self {
            file,
            reader,
            place,
            is_within_packet: false,
            head,
            progress,
            ledger,
            origins,
            capture: None,
            resumed: Trail::default(),
            rejected_before: 0,
            skip,
        }))
    }

    /// From now on the end of the file is its end.
    pub(super) fn end(&mut self) {
        self.place.end();
        self.reader.set_grows(false);
    }

    /// Whether it is the same capture still, and not overwritten by another.
    pub(super) fn is_still(&mut self) -> io::Result<bool> {
        self.head.is_still(&self.file)
    }

    /// Whether all bytes so far made whole packets.
    pub(super) fn is_between_packets(&self) -> bool {
        !self.is_within_packet
    }

    /// What has been read behind the last packet is read again next time: a writer that reserves
    /// space writes into what was there.
    fn pause(&mut self) {
        self.is_within_packet = self.reader.offset() != self.place.offset();
        self.reader.forget_ahead();
        self.place.go_back_to(self.reader.offset());
    }

    /// What could not be read.
    pub(super) fn notes(&self) -> Vec<String> {
        self.reader.report().lines()
    }

    /// The next packet that is not known to be stored.
    pub(super) fn next(&mut self) -> Next {
        loop {
            let next = match self.reader.next_packet() {
                Ok(Some((frame, packet))) => Ok((frame, packet)),
                Ok(None) => Err(Next::End),
                Err(CaptureError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pause();
                    Err(Next::Nothing)
                }
                Err(error) => Err(Next::Failed(error)),
            };
            match next {
                Ok((frame, packet)) => match self.pass(frame, packet) {
                    Ok(Some(numbered)) => return Next::Packet(numbered),
                    Ok(None) => {}
                    Err(error) => return Next::Failed(error),
                },
                // What was stored is more than there is: another file that begins alike.
                Err(Next::End) if matches!(self.skip, Skip::To(..)) => {
                    if let Err(error) = self.start_over() {
                        return Next::Failed(error);
                    }
                }
                Err(next) => return next,
            }
        }
    }

    /// Hands a packet on, unless it is stepped over.
    fn pass(
        &mut self,
        frame: u64,
        packet: CapturedPacket,
    ) -> Result<Option<Numbered>, CaptureError> {
        let capture = *self.capture.get_or_insert_with(|| Fingerprint::of(&packet));
        if matches!(self.skip, Skip::Unknown) {
            self.skip = match self.ledger.capture(capture) {
                Some((mark, rejected)) => Skip::To(mark, rejected),
                None => Skip::Done,
            };
        }
        let Skip::To(mark, rejected) = self.skip else {
            return Ok(Some(Numbered { frame, packet }));
        };
        self.resumed.add(PacketId::of(capture, frame, &packet));
        if self.resumed.frames() == mark.frames {
            if self.resumed.mark() == mark {
                debug!(frames = mark.frames, "stepped over what is stored");
                self.rejected_before = rejected;
                self.skip = Skip::Done;
            } else {
                self.start_over()?;
            }
        }
        Ok(None)
    }

    /// The file only begins like one that is stored: everything of it is handed on, and the
    /// store tells what it has already.
    fn start_over(&mut self) -> Result<(), CaptureError> {
        info!("the file differs from one that begins alike and is stored: reading all of it");
        self.skip = Skip::Done;
        self.resumed = Trail::default();
        let (reader, place) = start(&self.file, self.place.is_ended(), &self.progress)?
            .ok_or_else(|| CaptureError::Io(io::ErrorKind::UnexpectedEof.into()))?;
        (self.reader, self.place) = (reader, place);
        Ok(())
    }
}

fn start(
    file: &Arc<File>,
    ends: bool,
    progress: &Arc<Progress>,
) -> Result<Option<(CaptureReader, Arc<Place>)>, CaptureError> {
    let place = Arc::<Place>::default();
    if ends {
        place.end();
    }
    match CaptureReader::new(Tail::new(file.clone(), place.clone(), progress.clone())) {
        Ok(mut reader) => {
            reader.set_grows(!ends);
            Ok(Some((reader, place)))
        }
        Err(CaptureError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
