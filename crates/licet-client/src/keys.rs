//! Public keys that verify tokens.

use licet_protocol::{KeyIn, KeyOut, KeyPage, KeyType};

use crate::{
    Client, Error,
    path::{encode, query},
    transport::Call,
};

impl Client {
    /// Adds keys, or takes the place of those with their ids.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn put_keys(&self, kind: KeyType, keys: &[KeyIn]) -> Result<(), Error> {
        self.expect_success(&Call::put(self.api(collection(kind)), &keys)?)
    }

    /// Deletes a key; tokens signed with it are refused from then on.
    ///
    /// # Errors
    /// [`Error::Problem`] with 403, if it is the last administration key; else as every call.
    pub fn delete_key(&self, kind: KeyType, id: &str) -> Result<(), Error> {
        let path = self.api(&format!("{}/{}", collection(kind), encode(id)));
        self.expect_success(&Call::delete(path))
    }

    /// All keys.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn all_keys(&self) -> Result<Vec<KeyOut>, Error> {
        let (mut all, mut next) = (Vec::new(), 0);
        loop {
            let values = [("next", (next != 0).then(|| next.to_string()))];
            let path = self.api(&format!("public-keys{}", query(&values)));
            let page: KeyPage = self.read(&Call::get(path))?;
            all.extend(page.keys);
            if page.next == 0 || page.next == next {
                return Ok(all);
            }
            next = page.next;
        }
    }
}

fn collection(kind: KeyType) -> &'static str {
    match kind {
        KeyType::Admin => "administration-keys",
        KeyType::Client => "client-keys",
    }
}
