//! The one writer of `journal.db`.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    checkpointer::Checkpointer,
    database::{Database, checkpoint_and_truncate, in_transaction},
    group::GroupEncoder,
    heads::{Heads, PlacedHead},
    worker::Work,
};
use crate::{Append, AppendError, Head, Position, StoreError, numbers::signed};

/// Jobs that are taken from the queue at a time.
pub(super) const BATCH_MAX: usize = 4096;

/// Jobs that may wait. An instance has one append under way at a time, so this is a bound on
/// instances that write at the same moment.
pub(super) const QUEUE_MAX: usize = 65_536;

/// A group is closed once its body is as long as this; what is left goes into the next one.
const GROUP_BYTES: usize = 8 << 20;

/// The longest records of one append. SQLite's rows end at 1 GB.
const RECORDS_BYTES_MAX: usize = 256 << 20;

/// Least that must fit on a disk that was full before the store is ready again.
const PROBE_BYTES_MIN: usize = 64 << 10;

/// What a commit adds to the log beside its body: the table's last leaf and its parent.
const COMMIT_LOG_BYTES: usize = 3 * 4096;

type Reply = oneshot::Sender<Result<Position, AppendError>>;

pub(super) enum Job {
    Append(Append, Reply),
    /// Changes site tables in a transaction of its own, and answers by itself.
    Change(Box<dyn FnOnce(&Connection) + Send>),
    /// Asks whether the journal can be written.
    Probe(oneshot::Sender<Result<(), StoreError>>),
}

/// Owns the connection that writes the journal and the site's tables.
pub(super) struct JournalWriter {
    connection: Connection,
    /// Reads the head of an instance that has been quiet since the store was opened.
    projection: Connection,
    heads: Arc<Heads>,
    last_position: Arc<AtomicU64>,
    group: GroupEncoder,
    /// Heads that the group will have made when it is committed.
    staged: HashMap<Uuid, PlacedHead>,
    replies: Vec<Reply>,
    checkpointer: Checkpointer,
    /// Length of the last group's body, if that could not be written.
    failed_bytes: Option<usize>,
}

impl JournalWriter {
    pub(super) fn new(
        connection: Connection,
        directory: &Path,
        heads: Arc<Heads>,
        last_position: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            connection,
            projection: Database::Projection.open_to_read(directory)?,
            heads,
            last_position,
            group: GroupEncoder::new(),
            staged: HashMap::new(),
            replies: Vec::new(),
            checkpointer: Checkpointer::start(directory)?,
            failed_bytes: None,
        })
    }

    /// Position of the group that is being gathered.
    fn next_position(&self) -> Position {
        Position(self.last_position.load(Ordering::Acquire) + 1)
    }

    /// Puts an append into the group, or answers it at once if it cannot be there.
    fn stage(&mut self, append: &Append, reply: Reply) {
        match self.placed_head(append) {
            Ok(stands) if stands.head == append.expected => self.push(append, stands, reply),
            Ok(_) => answer(reply, Err(AppendError::Conflict)),
            Err(error) => answer(reply, Err(error)),
        }
    }

    fn placed_head(&self, append: &Append) -> Result<PlacedHead, AppendError> {
        if append.records.len() > RECORDS_BYTES_MAX {
            return Err(AppendError::Unavailable("the records are too long".to_owned()));
        }
        if let Some(staged) = self.staged.get(&append.instance_id) {
            return Ok(*staged);
        }
        self.heads
            .find(append.instance_id, &self.projection)
            .map_err(|error| AppendError::Unavailable(error.to_string()))
    }

    fn push(&mut self, append: &Append, stands: PlacedHead, reply: Reply) {
        self.group.push(append, stands.position);
        let head = Head { seq: append.expected.seq + 1, hash: append.hash };
        let placed = PlacedHead { head, position: self.next_position() };
        self.staged.insert(append.instance_id, placed);
        self.replies.push(reply);
    }

    /// Makes the group durable and answers its appends.
    fn commit_group(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let position = self.next_position();
        match self.insert_group(position) {
            Ok(()) => self.group_stands(position),
            Err(error) => self.group_failed(&error),
        }
        self.group.clear();
    }

    fn insert_group(&mut self, position: Position) -> Result<(), StoreError> {
        let newest_ms = self.group.newest_ms();
        let body = self.group.finish(position);
        self.checkpointer.grown(body.len() + COMMIT_LOG_BYTES);
        in_transaction(&self.connection, |connection| {
            connection
                .prepare_cached("INSERT INTO journal (position, at_ms, body) VALUES (?1, ?2, ?3)")?
                .execute((signed(position.0), newest_ms, body))?;
            Ok(())
        })
    }

    fn group_stands(&mut self, position: Position) {
        if self.failed_bytes.take().is_some() {
            tracing::info!("the journal can be written again");
        }
        // Heads first: who sees the position, or an answer, must find the heads.
        self.heads.learn(self.staged.drain());
        self.last_position.store(position.0, Ordering::Release);
        for reply in self.replies.drain(..) {
            answer(reply, Ok(position));
        }
    }

    fn group_failed(&mut self, error: &StoreError) {
        // A full disk fails every group for a while; once is enough for the log.
        if self.failed_bytes.replace(self.group.bytes()).is_none() {
            tracing::error!(%error, "the journal cannot be written");
        }
        self.staged.clear();
        for reply in self.replies.drain(..) {
            answer(reply, Err(AppendError::Unavailable(error.to_string())));
        }
    }

    fn change(&mut self, change: Box<dyn FnOnce(&Connection) + Send>) {
        change(&self.connection);
        self.checkpointer.grown(COMMIT_LOG_BYTES);
    }

    /// Opens a transaction; after a failure it writes as much as failed, so that only a disk that
    /// takes commits again makes the store ready. A healthy store is not written to by who asks.
    fn probe(&mut self) -> Result<(), StoreError> {
        let Some(bytes) = self.failed_bytes else {
            return in_transaction(&self.connection, |_| Ok(()));
        };
        let bytes = i64::try_from(bytes.max(PROBE_BYTES_MIN)).unwrap_or(i64::MAX);
        in_transaction(&self.connection, |connection| {
            connection.execute("INSERT INTO probe (filler) VALUES (zeroblob(?1))", [bytes])?;
            Ok(())
        })?;
        in_transaction(&self.connection, |connection| {
            connection.execute("DELETE FROM probe", [])?;
            Ok(())
        })?;
        self.failed_bytes = None;
        Ok(())
    }
}

impl Work for JournalWriter {
    type Job = Job;

    fn run(&mut self, jobs: &mut Vec<Job>) {
        let mut changes = Vec::new();
        let mut probes = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Append(append, reply) => self.stage(&append, reply),
                Job::Change(change) => changes.push(change),
                Job::Probe(reply) => probes.push(reply),
            }
            if self.group.bytes() >= GROUP_BYTES {
                self.commit_group();
            }
        }
        self.commit_group();
        for change in changes {
            self.change(change);
        }
        for reply in probes {
            // Who asked may have gone.
            let _ = reply.send(self.probe());
        }
        self.checkpointer.checkpoint_if_due(&self.connection);
    }

    fn finish(self) {
        drop(self.checkpointer);
        checkpoint_and_truncate(&self.connection);
    }
}

fn answer(reply: Reply, answer: Result<Position, AppendError>) {
    // Who asked may have gone; what is durable stays so.
    let _ = reply.send(answer);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        writer: JournalWriter,
        heads: Arc<Heads>,
        _directory: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        drop(Database::Projection.open_to_write(path).unwrap());
        let connection = Database::Journal.open_to_write(path).unwrap();
        let heads = Arc::new(Heads::default());
        let last = Arc::new(AtomicU64::new(0));
        let writer = JournalWriter::new(connection, path, Arc::clone(&heads), last).unwrap();
        Bench { writer, heads, _directory: directory }
    }

    fn append(instance: u128, expected: Head, records: usize) -> Append {
        Append {
            instance_id: Uuid::from_u128(instance),
            expected,
            hash: [u8::try_from(expected.seq + 1).unwrap(); 32],
            at_ms: 1,
            wake_at_ms: None,
            records: vec![7; records],
        }
    }

    type Answer = oneshot::Receiver<Result<Position, AppendError>>;

    fn run(writer: &mut JournalWriter, appends: Vec<Append>) -> Vec<Answer> {
        let mut jobs = Vec::new();
        let mut answers = Vec::new();
        for append in appends {
            let (reply, answer) = oneshot::channel();
            jobs.push(Job::Append(append, reply));
            answers.push(answer);
        }
        writer.run(&mut jobs);
        answers
    }

    #[test]
    fn a_full_disk_refuses_the_whole_group_and_the_next_one_is_tried_anew() {
        let Bench { mut writer, heads, _directory } = bench();
        let pages: i64 =
            writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        writer.connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();

        let appends =
            vec![append(1, Head::default(), 100_000), append(2, Head::default(), 100_000)];
        for mut answer in run(&mut writer, appends) {
            assert!(matches!(answer.try_recv(), Ok(Err(AppendError::Unavailable(_)))));
        }
        assert_eq!(heads.known(Uuid::from_u128(1)), None);
        assert!(writer.probe().is_err(), "not ready while the disk is full");

        writer.connection.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
        writer.probe().unwrap();
        let mut answers = run(&mut writer, vec![append(1, Head::default(), 100_000)]);
        assert_eq!(answers[0].try_recv().unwrap().unwrap(), Position(1));
    }

    #[test]
    fn sections_of_one_instance_may_share_a_group() {
        let Bench { mut writer, heads, _directory } = bench();
        let first = append(1, Head::default(), 10);
        let second = append(1, Head { seq: 1, hash: first.hash }, 10);
        let late = append(1, Head::default(), 10);
        let mut answers = run(&mut writer, vec![first, second.clone(), late]);

        assert_eq!(answers[0].try_recv().unwrap().unwrap(), Position(1));
        assert_eq!(answers[1].try_recv().unwrap().unwrap(), Position(1));
        assert!(matches!(answers[2].try_recv(), Ok(Err(AppendError::Conflict))));
        let placed = heads.known(Uuid::from_u128(1)).unwrap();
        assert_eq!(placed.head, Head { seq: 2, hash: second.hash });
    }

    #[test]
    fn a_group_that_grows_too_long_is_followed_by_another() {
        let Bench { mut writer, .. } = bench();
        let appends = (1..=3).map(|at| append(at, Head::default(), GROUP_BYTES)).collect();
        let positions: Vec<u64> = run(&mut writer, appends)
            .into_iter()
            .map(|mut answer| answer.try_recv().unwrap().unwrap().0)
            .collect();
        assert_eq!(positions, [1, 2, 3]);
    }
}
