use std::io::{self, BufWriter, Write};

use crate::capture::Format;
use crate::capture::pcap_writer::{self, PcapFile};
use crate::capture::pcapng_writer::PcapngEncoder;
use crate::packet::CapturedPacket;

const BUFFER_LENGTH: usize = 64 * 1024;

/// Writes packets as a capture file or stream, buffered. End it with [`Self::finish`].
///
/// pcapng keeps everything of a packet, but the mark that its time is that of the packet
/// before. pcap keeps time, lengths and bytes of packets of one link type; whether that is
/// enough, [`needs_pcapng`](crate::capture::needs_pcapng) tells.
#[derive(Debug)]
pub struct CaptureWriter<W: Write> {
    output: BufWriter<W>,
    encoder: Encoder,
}

#[derive(Debug)]
enum Encoder {
    /// With what the file header says, once it is written.
    Pcap(Option<PcapFile>),
    Pcapng(PcapngEncoder),
}

impl<W: Write> CaptureWriter<W> {
    /// A writer that has not written anything yet: the first packet decides what the file
    /// header of a pcap file says.
    pub fn new(output: W, format: Format) -> Self {
        let encoder = match format {
            Format::Pcap => Encoder::Pcap(None),
            Format::Pcapng => Encoder::Pcapng(PcapngEncoder::default()),
        };
        Self { output: BufWriter::with_capacity(BUFFER_LENGTH, output), encoder }
    }

    /// Writes a packet. In a pcap file comments are left out.
    ///
    /// # Errors
    /// `InvalidInput`, with a [`NeedsPcapng`](crate::capture::NeedsPcapng) inside, when the
    /// packet does not fit into this pcap file; nothing is written then. `BrokenPipe` when the
    /// other end was closed. Other errors of the output.
    pub fn write(&mut self, packet: &CapturedPacket) -> io::Result<()> {
        match &mut self.encoder {
            Encoder::Pcapng(encoder) => encoder.write(packet, &mut self.output),
            Encoder::Pcap(Some(file)) => pcap_writer::write_packet(packet, *file, &mut self.output),
            Encoder::Pcap(begun) => {
                let file = PcapFile::beginning_with(packet);
                pcap_writer::check(packet, file)?;
                *begun = Some(file);
                pcap_writer::write_file_header(file, &mut self.output)?;
                pcap_writer::write_packet(packet, file, &mut self.output)
            }
        }
    }

    /// Hands all packets so far to the output.
    ///
    /// # Errors
    /// Errors of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Completes the file, also one of no packets, and gives back the flushed output.
    ///
    /// # Errors
    /// Errors of the output.
    pub fn finish(mut self) -> io::Result<W> {
        match &mut self.encoder {
            Encoder::Pcapng(encoder) => encoder.finish(&mut self.output)?,
            Encoder::Pcap(None) => {
                pcap_writer::write_file_header(PcapFile::EMPTY, &mut self.output)?;
            }
            Encoder::Pcap(Some(_)) => {}
        }
        self.output.flush()?;
        self.output.into_inner().map_err(io::IntoInnerError::into_error)
    }
}
