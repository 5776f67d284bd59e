//! A thread that owns what it works on and takes jobs from a bounded queue.

use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::StoreError;

/// What a worker thread does.
pub(super) trait Work: Send + 'static {
    type Job: Send + 'static;

    /// Does all jobs that were waiting, in their order, and leaves `jobs` empty.
    fn run(&mut self, jobs: &mut Vec<Self::Job>);

    /// Does what is to be done once after the last job.
    fn finish(self);
}

enum Message<J> {
    Job(J),
    /// Takes no further jobs and ends once the queue is empty.
    Close,
}

/// Handle of a worker thread. Dropping it lets the thread finish its queue, and waits for that.
pub(super) struct Worker<J> {
    queue: Option<mpsc::Sender<Message<J>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a thread that runs `work` on up to `batch_max` jobs at a time; `queue_max` jobs
    /// may wait.
    pub(super) fn start(
        name: &str,
        queue_max: usize,
        batch_max: usize,
        work: impl Work<Job = J>,
    ) -> Result<Self, StoreError> {
        let (queue, receiver) = mpsc::channel(queue_max);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work_off(receiver, batch_max, work))
            .map_err(|error| StoreError::Unavailable(format!("no thread: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a job without waiting.
    ///
    /// # Errors
    /// The job itself, and why it was not taken.
    pub(super) fn try_submit(&self, job: J) -> Result<(), (J, &'static str)> {
        let Some(queue) = &self.queue else {
            return Err((job, CLOSED));
        };
        queue.try_send(Message::Job(job)).map_err(|error| match error {
            TrySendError::Full(message) => (message.into_job(), FULL),
            TrySendError::Closed(message) => (message.into_job(), CLOSED),
        })
    }

    /// Queues a job; waits while the queue is full.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store is closed.
    pub(super) async fn submit(&self, job: J) -> Result<(), StoreError> {
        let Some(queue) = &self.queue else {
            return Err(closed());
        };
        queue.send(Message::Job(job)).await.map_err(|_| closed())
    }

    /// Lets the queue run empty and ends the thread. Nothing happens the second time.
    pub(super) async fn close(&self) {
        if let Some(queue) = &self.queue {
            // An error says that the thread is ending already.
            let _ = queue.send(Message::Close).await;
            queue.closed().await;
        }
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // The thread may be in its last checkpoint, which no async task should wait for.
            let _ = tokio::task::spawn_blocking(move || join(thread)).await;
        }
    }
}

const CLOSED: &str = "the store is closed";
const FULL: &str = "too many appends are waiting";

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable(CLOSED.to_owned())
}

impl<J> Message<J> {
    fn into_job(self) -> J {
        match self {
            Self::Job(job) => job,
            Self::Close => unreachable!("close is never sent without waiting"),
        }
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        // Without a sender the thread ends after what is queued.
        self.queue = None;
        if let Some(thread) = self.thread.get_mut().take() {
            join(thread);
        }
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the store panicked");
    }
}

fn work_off<W: Work>(mut queue: mpsc::Receiver<Message<W::Job>>, batch_max: usize, mut work: W) {
    let mut messages = Vec::new();
    let mut jobs = Vec::new();
    while queue.blocking_recv_many(&mut messages, batch_max) > 0 {
        // Where all cores are busy, those who are about to send a job come first: work for many
        // costs little more than for one. Otherwise this returns at once.
        std::thread::yield_now();
        while messages.len() < batch_max
            && let Ok(message) = queue.try_recv()
        {
            messages.push(message);
        }
        for message in messages.drain(..) {
            match message {
                Message::Job(job) => jobs.push(job),
                Message::Close => queue.close(),
            }
        }
        work.run(&mut jobs);
    }
    work.finish();
}
