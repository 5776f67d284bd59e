//! How a group of sections is written into the body of a journal row.
//!
//! Layout of format 1, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | 4 | number of sections |
//! | … | the sections |
//! | 4 | CRC-32 of the position (8 bytes) and everything above |
//!
//! and a section:
//!
//! | bytes | what |
//! |---|---|
//! | 16 | instance id |
//! | 8 | position of the group with the instance's previous section, 0 for none |
//! | … | the section, as [`crate::section`] says |
//!
//! The previous positions make a list of each instance's sections from its head backwards, so
//! the tail of an instance is found without an index row for each section.

use uuid::Uuid;

use crate::{
    Append, Position, Section, StoreError,
    packing::Reader,
    section::{self, FORMAT, StoredSection},
};

const FRONT_BYTES: usize = 1 + 4;
const CHECKSUM_BYTES: usize = 4;

/// Bytes of a section without its records.
const SECTION_FRONT_BYTES: usize = 16 + 8 + section::FRONT_BYTES;

/// Collects the sections of one group. Its buffer is used again for the next group.
#[derive(Debug)]
pub(super) struct GroupEncoder {
    body: Vec<u8>,
    sections: u32,
    newest_ms: i64,
}

impl GroupEncoder {
    pub(super) fn new() -> Self {
        let mut encoder = Self { body: Vec::new(), sections: 0, newest_ms: 0 };
        encoder.clear();
        encoder
    }

    pub(super) fn clear(&mut self) {
        self.body.clear();
        self.body.push(FORMAT);
        self.body.extend_from_slice(&0_u32.to_le_bytes());
        self.sections = 0;
        self.newest_ms = i64::MIN;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sections == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Time of the newest record in the group, ms.
    pub(super) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Adds what `append` becomes after `expected`, whose section stands in the group `previous`.
    pub(super) fn push(&mut self, append: &Append, previous: Position) {
        let body = &mut self.body;
        body.reserve(SECTION_FRONT_BYTES + append.records.len() + CHECKSUM_BYTES);
        body.extend_from_slice(append.instance_id.as_bytes());
        body.extend_from_slice(&previous.0.to_le_bytes());
        section::put(append, body);
        self.sections += 1;
        self.newest_ms = self.newest_ms.max(append.at_ms);
    }

    /// The finished body of the group at `position`.
    pub(super) fn finish(&mut self, position: Position) -> &[u8] {
        self.body[1..FRONT_BYTES].copy_from_slice(&self.sections.to_le_bytes());
        let checksum = checksum(position, &self.body);
        self.body.extend_from_slice(&checksum.to_le_bytes());
        &self.body
    }
}

/// The position is part of the checksum, so that a body in another's row is noticed too.
fn checksum(position: Position, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&position.0.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// A section with its place in the journal of its instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupedSection<'a> {
    pub(super) instance_id: Uuid,
    /// Group with the instance's previous section; zero for its first.
    pub(super) previous_position: Position,
    pub(super) stored: StoredSection<'a>,
}

impl GroupedSection<'_> {
    pub(super) fn to_section(self) -> Section {
        self.stored.of(self.instance_id)
    }
}

/// The sections of a group's body, in the order in which they were appended.
///
/// # Errors
/// [`StoreError::Damaged`] if the body is not as it was written.
pub(super) fn decode(
    position: Position,
    body: &[u8],
) -> Result<Vec<GroupedSection<'_>>, StoreError> {
    read_sections(position, body)
        .ok_or_else(|| StoreError::Damaged(format!("the journal's group {}", position.0)))
}

fn read_sections(position: Position, body: &[u8]) -> Option<Vec<GroupedSection<'_>>> {
    let (rest, sum) = body.split_at(body.len().checked_sub(CHECKSUM_BYTES)?);
    if u32::from_le_bytes(sum.try_into().ok()?) != checksum(position, rest) {
        return None;
    }
    let mut reader = Reader::new(rest);
    if reader.array::<1>()? != [FORMAT] {
        return None;
    }
    let count = u32::from_le_bytes(reader.array()?) as usize;
    let mut sections = Vec::with_capacity(count.min(rest.len() / SECTION_FRONT_BYTES));
    for _ in 0..count {
        sections.push(read_section(&mut reader)?);
    }
    reader.is_at_end().then_some(sections)
}

fn read_section<'a>(reader: &mut Reader<'a>) -> Option<GroupedSection<'a>> {
    Some(GroupedSection {
        instance_id: Uuid::from_bytes(reader.array()?),
        previous_position: Position(u64::from_le_bytes(reader.array()?)),
        stored: StoredSection::read(reader)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Head;

    fn append(seq: u64, records: &[u8], wake_at_ms: Option<i64>) -> Append {
        Append {
            instance_id: Uuid::from_u128(7),
            expected: Head { seq, hash: [1; 32] },
            hash: [2; 32],
            at_ms: 50,
            wake_at_ms,
            records: records.to_vec(),
        }
    }

    #[test]
    fn a_group_comes_back_as_it_was_written() {
        let mut encoder = GroupEncoder::new();
        encoder.push(&append(0, b"first", Some(-3)), Position(0));
        encoder.push(&append(1, b"", None), Position(9));
        let body = encoder.finish(Position(9)).to_vec();

        let sections = decode(Position(9), &body).unwrap();
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].previous_position, Position(0));
        assert_eq!(sections[0].to_section().records, b"first");
        assert_eq!(sections[0].to_section().wake_at_ms, Some(-3));
        assert_eq!(sections[1].stored.head, Head { seq: 2, hash: [2; 32] });
        assert_eq!(sections[1].to_section().previous_hash, [1; 32]);
        assert_eq!(sections[1].to_section().wake_at_ms, None);
        assert_eq!(encoder.newest_ms(), 50);
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let mut encoder = GroupEncoder::new();
        encoder.push(&append(0, b"records", None), Position(0));
        let body = encoder.finish(Position(1)).to_vec();

        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 0x40;
            assert!(decode(Position(1), &changed).is_err(), "byte {at}");
            assert!(decode(Position(1), &body[..at]).is_err(), "cut at {at}");
        }
        assert!(decode(Position(2), &body).is_err(), "in another's row");
    }
}
