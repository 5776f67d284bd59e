//! One-off access requests.

use licet_protocol::{AccessAnswer, AccessRequest};
use uuid::Uuid;

use crate::{Client, Error, path::query, transport::Call};

/// How a request is to be treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessOptions {
    /// Decide, but charge nothing and record nothing.
    pub preview: bool,
    /// The same key with the same request is charged once; made up if it is not given.
    pub idempotency_key: Option<String>,
}

impl Client {
    /// Asks for items, each whole or not at all.
    ///
    /// # Errors
    /// As every call; items that are refused are no error, so look at the answer.
    pub fn request_access(
        &self,
        instance_id: Uuid,
        request: &AccessRequest,
        options: &AccessOptions,
    ) -> Result<AccessAnswer, Error> {
        self.read(&self.access_call(instance_id, "access-request", request, options)?)
    }

    /// The same for up to 1,000 requests, answered in their order.
    ///
    /// # Errors
    /// As every call; items that are refused are no error, so look at the answers.
    pub fn request_many_accesses(
        &self,
        instance_id: Uuid,
        requests: &[AccessRequest],
        options: &AccessOptions,
    ) -> Result<Vec<AccessAnswer>, Error> {
        self.read(&self.access_call(instance_id, "access-requests", &requests, options)?)
    }

    fn access_call(
        &self,
        instance_id: Uuid,
        operation: &str,
        body: &impl serde::Serialize,
        options: &AccessOptions,
    ) -> Result<Call, Error> {
        let values = [("preview", options.preview.then(|| "true".to_owned()))];
        let path = format!("instances/{instance_id}/{operation}{}", query(&values));
        let key = match &options.idempotency_key {
            Some(key) => key.clone(),
            None => Uuid::new_v4().to_string(),
        };
        Ok(Call::post(self.elastic(&path), body)?.idempotency_key(&key))
    }
}
