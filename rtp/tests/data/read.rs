//! Reads the streams beside this file.

/// The frames of an IVF file: 32 bytes of header, then each frame after 12 bytes that begin with its length.
pub fn ivf(file: &'static [u8]) -> Vec<&'static [u8]> {
    let mut frames = Vec::new();
    let mut rest = &file[32..];
    while let Some((header, after)) = rest.split_first_chunk::<12>() {
        let length = header.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
        let (frame, after) = after.split_at(length as usize);
        frames.push(frame);
        rest = after;
    }
    frames
}

/// The payloads of a file of RTP packets, each with its marker bit.
pub fn rtp(file: &'static [u8]) -> Vec<(&'static [u8], bool)> {
    let mut packets = Vec::new();
    let mut rest = file;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (packet, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        assert_eq!(packet[0], 0x80, "no padding, extension or CSRC");
        packets.push((&packet[12..], packet[1] & 0x80 != 0));
        rest = after;
    }
    packets
}
