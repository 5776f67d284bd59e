//! The model definition of an instance, which divides features among named pools.

use licet_protocol::{ModelIn, ModelOut};
use uuid::Uuid;

use crate::{Client, Error, transport::Call};

impl Client {
    /// The model in effect.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn model(&self, instance_id: Uuid) -> Result<ModelOut, Error> {
        self.read(&Call::get(model_path(instance_id)))
    }

    /// Puts a model into effect, in place of the one before.
    ///
    /// # Errors
    /// [`Error::Problem`] with 400, if the text has mistakes; else as every call.
    pub fn put_model(&self, instance_id: Uuid, text: &str) -> Result<ModelOut, Error> {
        let model = ModelIn { text: text.to_owned() };
        self.read(&Call::put(model_path(instance_id), &model)?)
    }

    /// Deletes the model in effect.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn delete_model(&self, instance_id: Uuid) -> Result<(), Error> {
        self.expect_success(&Call::delete(model_path(instance_id)))
    }
}

fn model_path(instance_id: Uuid) -> String {
    format!("/api/1.0/instances/{instance_id}/model")
}
