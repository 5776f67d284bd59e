//! Answers kept for idempotency keys.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    access_request::Outcome, command::Reply, ids::SessionId, record::SessionAccess,
    refusal::Refusal,
};

/// A key that the caller made, with the digest of what it was sent with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// 1 to 255 characters.
    pub key: Arc<str>,
    /// SHA-256 of the operation and its body.
    pub digest: [u8; 32],
}

/// What was answered under a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum KeptAnswer {
    Access(Arc<Outcome>),
    AccessMany(Vec<Arc<Outcome>>),
    SessionOpened(SessionId),
    SessionAccess(Arc<SessionAccess>),
}

impl KeptAnswer {
    /// The reply that was given the first time.
    pub(crate) fn reply(&self) -> Result<Reply, Refusal> {
        Ok(match self {
            Self::Access(outcome) => Reply::Access(outcome.clone()),
            Self::AccessMany(outcomes) => Reply::AccessMany(outcomes.clone()),
            Self::SessionOpened(id) => Reply::SessionOpened(*id),
            Self::SessionAccess(access) => Reply::SessionAccess(access.clone()),
        })
    }
}

/// What is known of a key that came with a command.
pub(crate) enum Known<'a> {
    New,
    Same(&'a KeptAnswer),
    /// The key stands for another request.
    Other,
}

/// How long an answer is kept at least, unless more than [`KEPT_MAX`] newer ones came: 24 h.
pub(crate) const KEEP_MS: i64 = 24 * 3_600_000;
/// How many answers an instance keeps at most.
pub(crate) const KEPT_MAX: usize = 1_000_000;

/// The answers that an instance keeps, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptAnswers {
    by_key: HashMap<Arc<str>, Kept>,
    order: VecDeque<(i64, Arc<str>)>,
}

#[derive(Debug, Clone)]
struct Kept {
    digest: [u8; 32],
    answer: KeptAnswer,
}

impl KeptAnswers {
    pub(crate) fn known(&self, key: Option<&IdempotencyKey>) -> Known<'_> {
        match key.and_then(|key| self.by_key.get(&key.key).map(|kept| (key, kept))) {
            None => Known::New,
            Some((key, kept)) if key.digest == kept.digest => Known::Same(&kept.answer),
            Some(_) => Known::Other,
        }
    }

    pub(crate) fn keep(&mut self, key: &IdempotencyKey, at_ms: i64, answer: KeptAnswer) {
        // A key that comes again after its time stands for its new answer, for as long again;
        // nobody else lets go of the old one while a journal is folded.
        self.expire(at_ms);
        let kept = Kept { digest: key.digest, answer };
        if self.by_key.insert(key.key.clone(), kept).is_none() {
            self.order.push_back((at_ms, key.key.clone()));
        }
        while self.order.len() > KEPT_MAX {
            self.drop_oldest();
        }
    }

    /// Lets go of answers that were kept long enough.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        while self.order.front().is_some_and(|(at_ms, _)| at_ms + KEEP_MS < now_ms) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.by_key.remove(&key);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, IdempotencyKey, &KeptAnswer)> {
        self.order.iter().filter_map(|(at_ms, key)| {
            let kept = self.by_key.get(key)?;
            let key = IdempotencyKey { key: key.clone(), digest: kept.digest };
            Some((*at_ms, key, &kept.answer))
        })
    }
}
