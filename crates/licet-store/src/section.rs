//! How a section is written into a row of the journal. Both stores write it alike; which instance
//! it is of, and where the one before it stands, is told beside it.
//!
//! Layout of format 1, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | sequence number |
//! | 8 | time of its newest record, ms |
//! | 1 + 8 | whether it must wake, and when, ms |
//! | 32 | hash of the previous section |
//! | 32 | hash of this section |
//! | 4 | length of the records |
//! | … | the records |

use bytes::BufMut;
use uuid::Uuid;

use crate::{Append, Head, Section, packing::Reader};

/// The layout's number, which whoever writes sections writes in front of them.
pub(crate) const FORMAT: u8 = 1;

/// Bytes of a section without its records.
pub(crate) const FRONT_BYTES: usize = 8 + 8 + 9 + 32 + 32 + 4;

/// Writes what `append` becomes.
pub(crate) fn put(append: &Append, out: &mut impl BufMut) {
    let length =
        u32::try_from(append.records.len()).expect("the writers refuse records that are too long");
    out.put_u64_le(append.expected.seq + 1);
    out.put_i64_le(append.at_ms);
    out.put_u8(u8::from(append.wake_at_ms.is_some()));
    out.put_i64_le(append.wake_at_ms.unwrap_or(0));
    out.put_slice(&append.expected.hash);
    out.put_slice(&append.hash);
    out.put_u32_le(length);
    out.put_slice(&append.records);
}

/// A section as it stands in a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredSection<'a> {
    pub(crate) head: Head,
    previous_hash: [u8; 32],
    at_ms: i64,
    wake_at_ms: Option<i64>,
    records: &'a [u8],
}

impl<'a> StoredSection<'a> {
    /// `None` if it is not as it was written.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let seq = u64::from_le_bytes(reader.array()?);
        let at_ms = i64::from_le_bytes(reader.array()?);
        let wakes = reader.array::<1>()? != [0];
        let wake_at_ms = i64::from_le_bytes(reader.array()?);
        let previous_hash = reader.array()?;
        let hash = reader.array()?;
        let length = u32::from_le_bytes(reader.array()?);
        Some(Self {
            head: Head { seq, hash },
            previous_hash,
            at_ms,
            wake_at_ms: wakes.then_some(wake_at_ms),
            records: reader.take(length as usize)?,
        })
    }

    pub(crate) fn of(self, instance_id: Uuid) -> Section {
        Section {
            instance_id,
            seq: self.head.seq,
            previous_hash: self.previous_hash,
            hash: self.head.hash,
            at_ms: self.at_ms,
            wake_at_ms: self.wake_at_ms,
            records: self.records.to_vec(),
        }
    }
}
