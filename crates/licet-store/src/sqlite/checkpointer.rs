//! Copies the journal's log into its file beside the commits, so that none waits for it.
//!
//! The log starts again only when all of it is copied and nobody adds to it at that moment. So
//! this thread copies most of it, again and again, and now and then the writer copies the little
//! that is left between two commits.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::database::{Database, checkpoint};
use crate::StoreError;

/// Log that may gather before it is copied.
const STEP_BYTES: usize = 4 << 20;
/// Log that may be left for the writer: it takes a few milliseconds.
const REST_BYTES: usize = 1 << 20;
/// Length from which on the log should start again.
const LOG_BYTES: usize = 32 << 20;

/// Handle of the thread. Dropping it lets the thread end what it is at, and waits for that.
pub(super) struct Checkpointer {
    orders: Option<SyncSender<()>>,
    is_at_work: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Bytes of the log since it last started again.
    log_bytes: usize,
    /// How many of them the last order covered.
    ordered_bytes: usize,
}

impl Checkpointer {
    pub(super) fn start(directory: &Path) -> Result<Self, StoreError> {
        let connection = Database::Journal.open_as_it_is(directory)?;
        let (orders, received) = sync_channel(1);
        let is_at_work = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_at_work);
        let thread = std::thread::Builder::new()
            .name("licet-checkpoint".to_owned())
            .spawn(move || work_off(&received, &flag, &connection))
            .map_err(|error| StoreError::Unavailable(format!("no thread: {error}")))?;
        let (log_bytes, ordered_bytes) = (0, 0);
        let (orders, thread) = (Some(orders), Some(thread));
        Ok(Self { orders, is_at_work, thread, log_bytes, ordered_bytes })
    }

    /// Counts what a commit added to the log.
    pub(super) fn grown(&mut self, bytes: usize) {
        self.log_bytes += bytes;
    }

    /// Orders a copy if one is due. `writer` is the connection that commits, between two commits.
    pub(super) fn checkpoint_if_due(&mut self, writer: &Connection) {
        if self.is_at_work.load(Ordering::Acquire) {
            return;
        }
        let rest_bytes = self.log_bytes - self.ordered_bytes;
        if self.log_bytes >= LOG_BYTES && rest_bytes <= REST_BYTES {
            checkpoint(writer);
            (self.log_bytes, self.ordered_bytes) = (0, 0);
        } else if rest_bytes >= STEP_BYTES || self.log_bytes >= LOG_BYTES {
            self.order();
        }
    }

    fn order(&mut self) {
        self.ordered_bytes = self.log_bytes;
        self.is_at_work.store(true, Ordering::Release);
        if let Some(orders) = &self.orders {
            // The thread is idle, so there is room; it ends only with this handle.
            let _ = orders.try_send(());
        }
    }
}

fn work_off(orders: &Receiver<()>, is_at_work: &AtomicBool, connection: &Connection) {
    while orders.recv().is_ok() {
        checkpoint(connection);
        is_at_work.store(false, Ordering::Release);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that copies the journal's log panicked");
        }
    }
}
