//! Calls of sessions. [`crate::Session`] makes them in the right order and at the right time.

use licet_protocol::{
    AccessAnswer, SessionAccessRequest, SessionCreated, SessionDetail, SessionIn, SessionListed,
};
use uuid::Uuid;

use crate::{Client, Error, Timed, path::query, transport::Call};

const INSTANCE: &str = "x-instance-id";

impl Client {
    /// Makes a session that holds nothing yet.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn create_session(&self, instance_id: Uuid) -> Result<SessionCreated, Error> {
        let call = Call::post(self.api("sessions"), &SessionIn { instance_id })?;
        let key = Uuid::new_v4().to_string();
        self.read(&call.header(INSTANCE, instance_id.to_string()).idempotency_key(&key))
    }

    /// The live sessions of an instance, newest first, at most 100.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn sessions(&self, instance_id: Uuid) -> Result<Timed<Vec<SessionListed>>, Error> {
        let values = [("instanceId", Some(instance_id.to_string()))];
        let call = Call::get(self.api(&format!("sessions{}", query(&values))));
        self.read_timed(&call.header(INSTANCE, instance_id.to_string()))
    }

    /// One session.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn session(
        &self,
        instance_id: Uuid,
        session_id: Uuid,
    ) -> Result<Timed<SessionDetail>, Error> {
        let call = Call::get(self.session_path(session_id));
        self.read_timed(&call.header(INSTANCE, instance_id.to_string()))
    }

    /// States what a session is to hold from now on: all of it is granted, or none.
    ///
    /// # Errors
    /// [`Error::Denied`], if it is not granted; else as every call.
    pub fn put_session_request(
        &self,
        instance_id: Uuid,
        session_id: Uuid,
        request: &SessionAccessRequest,
    ) -> Result<Timed<AccessAnswer>, Error> {
        let call = Call::put(self.session_path(session_id), request)?
            .header(INSTANCE, instance_id.to_string())
            .idempotency_key(&Uuid::new_v4().to_string());
        let answer = self.send(&call)?;
        if answer.status == 409
            && let Ok(denial) = answer.read_body::<AccessAnswer>()
        {
            return Err(Error::Denied(Box::new(denial)));
        }
        Ok(Timed { value: answer.read()?, server_ms: answer.server_ms })
    }

    /// Says that the application is alive.
    ///
    /// # Errors
    /// [`Error::Problem`], if the session is over: stop using its items. Else as every call.
    pub fn heartbeat(&self, instance_id: Uuid, session_id: Uuid) -> Result<(), Error> {
        let call = Call::get(format!("{}/heartbeat", self.session_path(session_id)));
        self.expect_success(&call.header(INSTANCE, instance_id.to_string()))
    }

    /// Ends a session; the unused part of what it paid is given back.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn close_session(&self, instance_id: Uuid, session_id: Uuid) -> Result<(), Error> {
        let call = Call::delete(self.session_path(session_id));
        self.expect_success(&call.header(INSTANCE, instance_id.to_string()))
    }

    fn session_path(&self, session_id: Uuid) -> String {
        self.api(&format!("sessions/{session_id}"))
    }
}
