//! The application data of a datagram, borrowed from it.

use super::RECORD_HEADER_LEN;

/// The contents of a datagram's application records, in their order.
///
/// Each was decrypted in place; nothing borrows the connection.
#[derive(Debug)]
pub struct Plaintext<'d> {
    rest: &'d [u8],
}

impl<'d> Plaintext<'d> {
    /// `records` are the records that [`mark_data`] and [`mark_used`] have been over.
    pub(crate) fn new(records: &'d [u8]) -> Self {
        Self { rest: records }
    }
}

impl<'d> Iterator for Plaintext<'d> {
    type Item = &'d [u8];

    fn next(&mut self) -> Option<&'d [u8]> {
        loop {
            let [mark, o0, o1, l0, l1, .., r0, r1] = *self.rest.first_chunk::<RECORD_HEADER_LEN>()?;
            let record_len = usize::from(u16::from_be_bytes([r0, r1])).saturating_add(RECORD_HEADER_LEN);
            let (record, rest) = self.rest.split_at_checked(record_len)?;
            self.rest = rest;
            if mark == DATA {
                let offset = usize::from(u16::from_be_bytes([o0, o1]));
                let len = usize::from(u16::from_be_bytes([l0, l1]));
                return record.get(offset..)?.get(..len);
            }
        }
    }
}

/// Writes over a record's header where its plaintext stands. The length of the record stays readable.
pub(crate) fn mark_data(record: &mut [u8], offset: usize, len: usize) {
    let ([.., o0, o1], [.., l0, l1]) = (offset.to_be_bytes(), len.to_be_bytes());
    if let Some(place) = record.first_chunk_mut::<5>() {
        *place = [DATA, o0, o1, l0, l1];
    }
}

/// Writes over a record's header that it holds nothing for the application.
pub(crate) fn mark_used(record: &mut [u8]) {
    if let Some(place) = record.first_mut() {
        *place = NO_DATA;
    }
}

const NO_DATA: u8 = 0;
const DATA: u8 = 1;
