//! What each record means for the tables: pure mapping from journal sections to rows.

mod audit;
mod by_names;
mod counts;
mod feature_counts;
mod features;
mod part;

use licet_core::{RecordView, RecordViews};
use licet_store::{
    AuditRow, ConsumerBlock, Head, HeadRow, Position, Projection, RollupRow, Section, StoreError,
};
use uuid::Uuid;

use self::{audit::audit_row, part::Part};
use crate::section::damaged;

/// How many sections of an instance are worth fetching at a time.
pub(crate) const FETCHED: usize = 32;
const CACHE_LINE_BYTES: usize = 64;
/// Lines of a section that are fetched; what comes after them the processor fetches by itself.
const CACHE_LINES: usize = 8;

/// One step of the projector being gathered: sections as they are in the journal. What they mean is
/// worked out instance by instance when the step is written, so that what an instance needs is in
/// the processor's cache, and the next one needs no memory of its own.
#[derive(Debug)]
pub(crate) struct Step {
    from: Position,
    to: Position,
    sections: Vec<Gathered>,
    /// Those of all sections, one after the other.
    records: Vec<u8>,
}

/// Memory that a step leaves to the next one, at most, for sections and for records.
const KEPT_BYTES: usize = 4 << 20;

/// A section in a step.
#[derive(Debug)]
pub(crate) struct Gathered {
    head: HeadRow,
    read_at_ms: i64,
    /// Where its records are among those of the step.
    records_from: usize,
    records_to: usize,
}

impl Step {
    /// A step from this place on, with nothing in it.
    pub(crate) fn new(from: Position) -> Self {
        Self { from, to: from, sections: Vec::new(), records: Vec::new() }
    }

    /// The step that goes on after this one, which uses its memory again.
    pub(crate) fn next(mut self) -> Self {
        // A burst is over some day, and growing again costs little beside writing much.
        let sections = (2 * self.sections.len()).min(KEPT_BYTES / size_of::<Gathered>());
        let records = (2 * self.records.len()).min(KEPT_BYTES);
        self.sections.clear();
        self.records.clear();
        self.sections.shrink_to(sections);
        self.records.shrink_to(records);
        Self { from: self.to, ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The place up to which all groups were taken in.
    pub(crate) fn reached(&self) -> Position {
        self.to
    }

    /// Says that all sections of the groups up to this place were taken in.
    pub(crate) fn reach(&mut self, to: Position) {
        self.to = to;
    }

    /// The bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.records.len() + self.sections.len() * size_of::<Gathered>()
    }

    /// Takes in a section of the group at `position`.
    pub(crate) fn take(&mut self, position: Position, section: &Section, read_at_ms: i64) {
        let head = HeadRow {
            instance_id: section.instance_id,
            head: Head { seq: section.seq, hash: section.hash },
            position,
            wake_at_ms: section.wake_at_ms,
        };
        let records_from = self.records.len();
        self.records.extend_from_slice(&section.records);
        let records_to = self.records.len();
        self.sections.push(Gathered { head, read_at_ms, records_from, records_to });
    }

    /// The sections by instance, each instance's in the order of its journal.
    pub(crate) fn by_instance(&self) -> Vec<(Uuid, &Gathered)> {
        let mut order: Vec<_> =
            self.sections.iter().map(|section| (section.head.instance_id, section)).collect();
        order.sort_by_key(|(instance_id, _)| instance_id.as_u128());
        order
    }
}

/// Works out what a step means, instance by instance.
#[derive(Debug)]
pub(crate) struct Fold<'a> {
    step: &'a Step,
    part: Part<'a>,
    head: Option<&'a HeadRow>,
    /// With the place of their section, since they are numbered in the order of the journal.
    audit: Vec<(usize, AuditRow)>,
    projection: Projection,
}

impl<'a> Fold<'a> {
    pub(crate) fn new(step: &'a Step) -> Self {
        let projection = Projection { from: step.from, to: step.to, ..Projection::default() };
        Self { step, part: Part::new(), head: None, audit: Vec::new(), projection }
    }

    /// Begins with an instance, after the one before was ended.
    pub(crate) fn begin(&mut self, instance_id: Uuid, account_id: &str) {
        self.part.begin(instance_id, account_id);
    }

    /// Brings sections into the processor's cache: here it waits for many of them at a time, where
    /// their records are decoded it would wait for each, which takes longer than to decode them.
    pub(crate) fn fetch(&self, sections: &[(Uuid, &Gathered)]) {
        let mut seen = 0;
        for (_, section) in sections {
            let records = &self.step.records[section.records_from..section.records_to];
            let lines = records.iter().step_by(CACHE_LINE_BYTES).take(CACHE_LINES);
            seen ^= lines.fold(0, |seen, byte| seen ^ byte);
        }
        std::hint::black_box(seen);
    }

    /// Takes in the next section of the instance.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if its records cannot be read.
    pub(crate) fn take(&mut self, section: &'a Gathered) -> Result<(), StoreError> {
        let bytes = &self.step.records[section.records_from..section.records_to];
        for record in RecordViews::new(bytes).map_err(damaged)? {
            let record = record.map_err(damaged)?;
            if let RecordView::Other(record) = &record {
                let row = audit_row(section.head.instance_id, record);
                self.audit.extend(row.map(|row| (section.records_from, row)));
            }
            self.part.take(&record, section.read_at_ms);
        }
        self.head = Some(&section.head);
        Ok(())
    }

    /// Adds the rows of the instance.
    pub(crate) fn end(&mut self) {
        self.projection.heads.extend(self.head.take().cloned());
        self.part.finish_into(&mut self.projection);
    }

    /// The rows, in the order of the tables' keys.
    pub(crate) fn finish(mut self) -> Projection {
        self.audit.sort_by_key(|(place, _)| *place);
        self.projection.audit = self.audit.into_iter().map(|(_, row)| row).collect();
        self.projection.rollups.sort_by_key(|row: &RollupRow| (row.span, row.starts_at_ms));
        self.projection.consumers.sort_by_key(|block: &ConsumerBlock| {
            let key = block.key();
            (key.span, key.starts_at_ms)
        });
        self.projection.meters.sort_by_key(|row| (row.span, row.starts_at_ms));
        self.projection.meter_denials.sort_by_key(|row| (row.span, row.starts_at_ms));
        self.projection
    }
}
