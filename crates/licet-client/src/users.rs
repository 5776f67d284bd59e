//! Users and log-in.

use licet_protocol::{AuthorizeAnswer, AuthorizeRequest, UserIn, UserOut, UserPage, UserPatch};

use crate::{
    Client, Error,
    path::{encode, query},
    transport::Call,
};

impl Client {
    /// Exchanges user and password for a bearer token.
    ///
    /// # Errors
    /// [`Error::Problem`] with 401, if they are wrong; else as every call.
    pub fn authorize(&self, request: &AuthorizeRequest) -> Result<AuthorizeAnswer, Error> {
        self.read(&Call::post(operations("authorize"), request)?)
    }

    /// All users.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn all_users(&self) -> Result<Vec<UserOut>, Error> {
        let (mut all, mut next) = (Vec::new(), 0);
        loop {
            let values = [("next", (next != 0).then(|| next.to_string()))];
            let path = operations(&format!("users{}", query(&values)));
            let page: UserPage = self.read(&Call::get(path))?;
            all.extend(page.users);
            if page.next == 0 || page.next == next {
                return Ok(all);
            }
            next = page.next;
        }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if there is one of that name; else as every call.
    pub fn create_user(&self, user: &UserIn) -> Result<UserOut, Error> {
        self.read(&Call::post(operations("users"), user)?)
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn change_user(&self, user: &str, patch: &UserPatch) -> Result<(), Error> {
        let path = operations(&format!("users/{}", encode(user)));
        self.expect_success(&Call::patch(path, patch)?)
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn delete_user(&self, user: &str) -> Result<(), Error> {
        self.expect_success(&Call::delete(operations(&format!("users/{}", encode(user)))))
    }
}

pub(crate) fn operations(rest: &str) -> String {
    format!("/operations/api/v1/{rest}")
}
