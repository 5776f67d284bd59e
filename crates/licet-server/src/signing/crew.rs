//! The crew: threads that sign beside those that answer.
//!
//! A signature takes as long as all the rest of an answer, or ten times that. On threads of their
//! own they use processors that would stand idle, and no request waits behind the signature of
//! another.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::Arc,
    thread::{self, JoinHandle},
};

use licet_protocol::{SignedDocument, SigningAlgorithm, UnsignedDocument};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{key_pair::KeyPairError, ring::SigningKey};

/// Documents that wait for an RS256 signature; further ones are sent away. On one core that is a
/// wait of some 300 ms.
const SLOW_MAX: usize = 1_024;
/// Documents that wait for an EdDSA signature. Whoever finds so many signs without the crew, so
/// that those who answer and those who sign share the work.
const QUICK_MAX: usize = 4;

/// What became of a document.
pub(super) type Signed = Result<SignedDocument, KeyPairError>;

/// A document to sign, with the key.
pub(super) struct Work {
    pub(super) key: Arc<SigningKey>,
    pub(super) document: UnsignedDocument,
}

type Waiting = (Work, oneshot::Sender<Signed>);

/// Where a document went.
pub(super) enum Handed {
    Taken(oneshot::Receiver<Signed>),
    /// Too many wait already.
    Back(Work),
}

/// The threads; they end when it is dropped.
pub(super) struct Crew {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something waits, or the crew is to end.
    called: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Threads that wait for work and were not called.
    idle: usize,
    is_closed: bool,
}

impl Work {
    pub(super) fn do_it(self) -> Signed {
        let signature = self.key.sign(self.document.signing_input())?;
        Ok(self.document.with_signature(&signature))
    }
}

impl Crew {
    /// Starts a thread for each core.
    pub(super) fn start() -> std::io::Result<Self> {
        Self::of(thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    fn of(size: usize) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let mut crew = Self { shared, threads: Vec::with_capacity(size) };
        for _ in 0..size {
            let shared = crew.shared.clone();
            let thread = thread::Builder::new().name("licet-signer".to_owned());
            crew.threads.push(thread.spawn(move || shared.work())?);
        }
        Ok(crew)
    }

    /// Lets the crew sign a document, unless too many wait for that.
    pub(super) fn hand(&self, work: Work) -> Handed {
        let size = self.threads.len();
        let mut queue = self.shared.queue.lock();
        let (waiting_max, is_needed) = match work.key.algorithm {
            // To call a thread takes half as long as to sign, so that one is enough.
            SigningAlgorithm::EdDsa => (QUICK_MAX, queue.idle == size && size > 0),
            SigningAlgorithm::Rs256 => (SLOW_MAX, queue.idle > 0),
        };
        if queue.waiting.len() >= waiting_max {
            return Handed::Back(work);
        }
        let (done, signed) = oneshot::channel();
        queue.waiting.push_back((work, done));
        if is_needed {
            queue.idle -= 1;
            drop(queue);
            self.shared.called.notify_one();
        }
        Handed::Taken(signed)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.queue.lock().is_closed = true;
        self.shared.called.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some((work, done)) = self.next() {
            // Whoever waited for it may have gone.
            let _ = done.send(work.do_it());
        }
    }

    /// Waits for a document; `None` when the crew is to end.
    fn next(&self) -> Option<Waiting> {
        let mut queue = self.queue.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(next) = queue.waiting.pop_front() {
                return Some(next);
            }
            queue.idle += 1;
            self.called.wait(&mut queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ring::Ring, *};
    use crate::security::MasterKey;

    fn work(algorithm: SigningAlgorithm) -> Work {
        let master_key = MasterKey::random().unwrap();
        let row = SigningKey::generate(algorithm, &master_key, 0, 0).unwrap();
        let ring = Ring::read(vec![row], &master_key);
        let key = ring.signing(algorithm, 0).unwrap().clone();
        Work { key, document: UnsignedDocument::new(b"{}", b"{}") }
    }

    fn again(work: &Work) -> Work {
        Work { key: work.key.clone(), document: UnsignedDocument::new(b"{}", b"{}") }
    }

    /// How many of so many documents a crew takes that does nothing.
    fn taken(algorithm: SigningAlgorithm, handed: usize) -> usize {
        let (crew, work) = (Crew::of(0).unwrap(), work(algorithm));
        let hand = |_: &usize| matches!(crew.hand(again(&work)), Handed::Taken(_));
        (0..handed).filter(hand).count()
    }

    #[test]
    fn a_crew_that_is_busy_gives_work_back() {
        assert_eq!(taken(SigningAlgorithm::EdDsa, QUICK_MAX + 3), QUICK_MAX);
        assert_eq!(taken(SigningAlgorithm::Rs256, SLOW_MAX + 3), SLOW_MAX);
    }

    #[tokio::test]
    async fn all_that_is_handed_in_is_signed_also_after_a_pause() {
        let (crew, work) = (Crew::of(2).unwrap(), work(SigningAlgorithm::EdDsa));
        let once = again(&work).do_it().unwrap().into_compact();
        for _ in 0..20 {
            for _ in 0..50 {
                let signed = match crew.hand(again(&work)) {
                    Handed::Taken(signed) => signed.await.unwrap(),
                    Handed::Back(work) => work.do_it(),
                };
                assert_eq!(signed.unwrap().into_compact(), once);
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        drop(crew);
    }
}
