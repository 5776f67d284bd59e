//! Answers kept for idempotency keys.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    access_request::{ItemOutcome, Outcome, Requester},
    command::Reply,
    feature_answer::FeatureAnswer,
    ids::SessionId,
    record::{SessionAccess, SessionResult},
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
    Served(Arc<FeatureAnswer>),
}

impl KeptAnswer {
    pub(crate) fn of_access(outcomes: &[Arc<Outcome>], many: bool) -> Self {
        match outcomes {
            [only] if !many => Self::Access(only.clone()),
            _ => Self::AccessMany(outcomes.to_vec()),
        }
    }

    /// The same answer without what no caller is told, which may be large: `metaData` and the
    /// requester's dictionary.
    pub(crate) fn slim(self) -> Self {
        match self {
            Self::Access(outcome) => Self::Access(slim(outcome)),
            Self::AccessMany(outcomes) => {
                Self::AccessMany(outcomes.into_iter().map(slim).collect())
            }
            Self::SessionOpened(id) => Self::SessionOpened(id),
            Self::SessionAccess(access) => Self::SessionAccess(Arc::new(slim_session(&access))),
            Self::Served(answer) => Self::Served(answer),
        }
    }

    /// Roughly the bytes that it takes in memory.
    fn size(&self) -> usize {
        const EACH: usize = 256;
        EACH + match self {
            Self::Access(outcome) => size(outcome),
            Self::AccessMany(outcomes) => outcomes.iter().map(|outcome| size(outcome)).sum(),
            Self::SessionOpened(_) => 0,
            Self::SessionAccess(access) => size(&access.outcome),
            Self::Served(answer) => EACH * (answer.features.len() + answer.not_met.len()),
        }
    }

    /// The reply that was given the first time.
    pub(crate) fn reply(&self) -> Result<Reply, Refusal> {
        Ok(match self {
            Self::Access(outcome) => Reply::Access(outcome.clone()),
            Self::AccessMany(outcomes) => Reply::AccessMany(outcomes.clone()),
            Self::SessionOpened(id) => Reply::SessionOpened(*id),
            Self::SessionAccess(access) => Reply::SessionAccess(access.clone()),
            Self::Served(answer) => Reply::Served(answer.clone()),
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

/// How long an answer is kept at least, unless [`KEPT_BYTES_MAX`] of newer ones came: 24 h.
pub(crate) const KEEP_MS: i64 = 24 * 3_600_000;
/// How many bytes of answers an instance keeps at most, roughly: 256 MiB.
pub(crate) const KEPT_BYTES_MAX: usize = 256 << 20;

/// The answers that an instance keeps, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptAnswers {
    by_key: HashMap<Arc<str>, Kept>,
    order: VecDeque<(i64, Arc<str>)>,
    bytes: usize,
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
        self.bytes += answer.size();
        let kept = Kept { digest: key.digest, answer };
        match self.by_key.insert(key.key.clone(), kept) {
            None => self.order.push_back((at_ms, key.key.clone())),
            Some(replaced) => self.bytes -= replaced.answer.size(),
        }
        while self.bytes > KEPT_BYTES_MAX && self.order.len() > 1 {
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
            let dropped = self.by_key.remove(&key);
            self.bytes -= dropped.map_or(0, |kept| kept.answer.size());
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

fn slim(outcome: Arc<Outcome>) -> Arc<Outcome> {
    let is_slim = outcome.requester.dictionary.is_empty()
        && outcome.items.iter().all(|item| item.meta_data.is_none());
    if is_slim { outcome } else { Arc::new(without_extras(&outcome)) }
}

fn slim_session(access: &SessionAccess) -> SessionAccess {
    let result = match &access.result {
        SessionResult::Charged { from_ms, until_ms, heartbeat_due_ms, .. } => {
            SessionResult::Charged {
                from_ms: *from_ms,
                until_ms: *until_ms,
                heartbeat_due_ms: *heartbeat_due_ms,
                items: None,
            }
        }
        other => other.clone(),
    };
    SessionAccess {
        outcome: without_extras(&access.outcome),
        refund: None,
        result,
        ..access.clone()
    }
}

fn without_extras(outcome: &Outcome) -> Outcome {
    let Requester { kind, value, .. } = &*outcome.requester;
    let requester = Requester { kind: kind.clone(), value: value.clone(), ..Requester::default() };
    let items = outcome.items.iter().map(|item| ItemOutcome { meta_data: None, ..item.clone() });
    Outcome { requester: Arc::new(requester), items: items.collect(), ..outcome.clone() }
}

fn size(outcome: &Outcome) -> usize {
    const EACH: usize = 128;
    let requester = outcome.requester.kind.len() + outcome.requester.value.len();
    let item = |item: &ItemOutcome| {
        EACH + item.item.len()
            + item.version.len()
            + item.detail.as_ref().map_or(0, |detail| detail.len())
            + item.charges.len() * EACH
    };
    EACH + requester + outcome.items.iter().map(item).sum::<usize>()
}
