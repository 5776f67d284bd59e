//! Commands on the model that divides counts among named pools.

use std::sync::Arc;

use super::Serving;
use crate::{
    command::Reply, instance::turn::Turn, model::Model, record::Record, refusal::Refusal,
    serving::Division,
};

impl Serving {
    /// Whether counts are anywhere but in the default pool, free for all.
    pub(super) fn is_divided(&self) -> bool {
        self.model.is_some() || !self.groups.is_empty()
    }
}

impl Turn<'_> {
    /// Puts a model into effect, in place of the one before. What is in use stays charged to its
    /// pool until it comes home.
    pub(in crate::instance) fn put_model(
        &mut self,
        text: Arc<str>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        // It is applied anew also if it is the same: features may have started since.
        Model::parse(&text).map_err(|errors| Refusal::ModelInvalid(Box::new(errors)))?;
        self.record(Record::ModelPut { at_ms: self.now_ms(), by, text });
        self.redivide_all();
        Ok(Reply::Model(self.instance.serving.model_view(self.now_ms()).map(Box::new)))
    }

    pub(in crate::instance) fn delete_model(&mut self, by: Arc<str>) -> Result<Reply, Refusal> {
        if self.instance.serving.model.is_none() {
            return Err(Refusal::NoModel);
        }
        self.record(Record::ModelDeleted { at_ms: self.now_ms(), by });
        self.redivide_all();
        Ok(Reply::Done)
    }

    pub(super) fn redivide_all(&mut self) {
        self.record_divisions(self.instance.serving.redivided(self.now_ms()));
    }

    pub(super) fn record_divisions(&mut self, divisions: Vec<Division>) {
        if !divisions.is_empty() {
            self.record(Record::CountsDivided { at_ms: self.now_ms(), divisions });
        }
    }
}
