use std::fmt;

/// Notes kept of one capture. A file can be damaged in millions of places; the first ones tell
/// what is wrong with it, the others are counted.
const NOTES_KEPT: usize = 100;

/// What could not be read of a capture; complete once the reader has come to the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What was found wrong, in the order of the file.
    pub notes: Vec<Note>,
    /// How many more notes there were than are kept.
    pub further_notes: u64,
    /// The end of the capture that could not be read, if any.
    pub unread: Option<UnreadTail>,
}

/// Something in a capture that could not be read as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where it begins: offset in the uncompressed stream, in bytes.
    pub offset: u64,
    /// The packet that it is about, where that packet was delivered all the same.
    pub frame: Option<u64>,
    /// What is wrong, as text for people.
    pub reason: String,
}

/// The part of a capture behind which nothing could be read; its reason is the last note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadTail {
    /// Where it begins: offset in the uncompressed stream, in bytes.
    pub offset: u64,
    /// How many bytes it has, where that is known: neither the end of a stream nor the
    /// uncompressed length of a compressed file is known without reading on.
    pub bytes: Option<u64>,
}

impl Report {
    /// Whether every byte of the capture was understood.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.notes.is_empty() && self.unread.is_none()
    }

    /// Everything that could not be read, a line each, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.notes.iter().map(ToString::to_string).collect();
        if self.further_notes > 0 {
            lines.push(format!("and {} more of the kind", self.further_notes));
        }
        if let Some(UnreadTail { offset, bytes }) = self.unread {
            lines.push(match bytes {
                Some(bytes) => format!("the last {bytes} bytes, from offset {offset} on"),
                None => format!("everything from offset {offset} on"),
            });
        }
        lines
    }

    pub(super) fn note(&mut self, offset: u64, frame: Option<u64>, reason: impl Into<String>) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(Note { offset, frame, reason: reason.into() });
        } else {
            self.further_notes += 1;
        }
    }

    /// Ends the report with a tail that cannot be read.
    pub(super) fn end_unread(&mut self, offset: u64, bytes: Option<u64>, reason: String) {
        // The reason of the end must not be the note that is left out.
        if self.notes.len() == NOTES_KEPT {
            self.notes.pop();
            self.further_notes += 1;
        }
        self.note(offset, None, reason);
        self.unread = Some(UnreadTail { offset, bytes });
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(frame) => write!(f, "offset {}, frame {frame}: {}", self.offset, self.reason),
            None => write!(f, "offset {}: {}", self.offset, self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_counted_and_keep_the_reason_of_the_end() {
        let mut report = Report::default();
        for offset in 0..150 {
            report.note(offset, None, "bad");
        }
        report.end_unread(150, Some(7), "cut short".to_owned());
        assert_eq!(report.notes.len() as u64 + report.further_notes, 151);
        assert_eq!(report.notes.len(), NOTES_KEPT);
        assert_eq!(report.notes.last().unwrap().reason, "cut short");
        assert_eq!(report.unread, Some(UnreadTail { offset: 150, bytes: Some(7) }));
        assert!(!report.is_clean());
    }
}
