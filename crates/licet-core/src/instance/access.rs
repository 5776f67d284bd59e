//! One-off access requests.

use std::sync::Arc;

use super::{Instance, turn::Turn};
use crate::{
    access_request::{AccessRequest, Outcome},
    answer::{IdempotencyKey, KeptAnswer, Known},
    command::Reply,
    draft::Draft,
    ids::CorrelationId,
    record::Record,
    refusal::Refusal,
    site::Context,
};

impl Turn<'_> {
    /// Charges each request by itself: of its items as many as possible, each whole or not at
    /// all, in their order.
    pub(super) fn access(
        &mut self,
        requests: &[AccessRequest],
        many: bool,
        key: Option<IdempotencyKey>,
    ) -> Result<Reply, Refusal> {
        match self.instance.answers.known(key.as_ref()) {
            Known::Same(answer) => return answer.reply(),
            Known::Other => return Err(Refusal::IdempotencyKeyReused),
            Known::New => {}
        }
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            let correlation_id = self.id();
            let outcome = self.instance.best_effort(self.context, request, correlation_id);
            self.instance.fold_charges(&outcome);
            outcomes.push(Arc::new(outcome));
        }
        let first_answer = KeptAnswer::of_access(&outcomes, many);
        let answer = if key.is_some() { first_answer.slim() } else { first_answer };
        self.instance.keep_access(&outcomes, many, key.as_ref());
        // The outcomes are in the state already, each before the next was decided.
        if !outcomes.is_empty() {
            self.records.push(Record::Access { outcomes, many, key });
        }
        answer.reply()
    }

    /// What [`Turn::access`] would answer now, each request for itself.
    pub(super) fn preview_access(&mut self, requests: &[AccessRequest]) -> Reply {
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            let correlation_id = self.id();
            let outcome = self.instance.best_effort(self.context, request, correlation_id);
            outcomes.push(Arc::new(outcome));
        }
        Reply::AccessMany(outcomes)
    }
}

impl Instance {
    fn best_effort(
        &self,
        context: Context<'_>,
        request: &AccessRequest,
        correlation_id: CorrelationId,
    ) -> Outcome {
        let mut draft = Draft::new(self, context);
        let dictionary = &request.requester.dictionary;
        let items = request.items.iter().map(|item| draft.charge(item, dictionary)).collect();
        let requester = request.requester.clone();
        Outcome { correlation_id, at_ms: context.now_ms, requester, items }
    }
}
