//! Instances.

use licet_protocol::{InstanceIn, InstanceOut, InstancePage};
use uuid::Uuid;

use crate::{Client, Error, path::query, transport::Call};

/// Which instances are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceQuery {
    /// The default instance of this account alone.
    pub default_of: Option<String>,
    /// `next` of the page before; 0 for the first.
    pub next: u64,
    /// How many to a page.
    pub size: Option<u32>,
}

impl Client {
    /// A page of instances.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn instances(&self, wanted: &InstanceQuery) -> Result<InstancePage, Error> {
        let values = [
            ("accountId", wanted.default_of.clone()),
            ("default", wanted.default_of.as_ref().map(|_| "true".to_owned())),
            ("next", (wanted.next != 0).then(|| wanted.next.to_string())),
            ("size", wanted.size.map(|size| size.to_string())),
        ];
        self.read(&Call::get(self.provisioning(&format!("instances{}", query(&values)))))
    }

    /// All instances that the caller may see, page by page.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn all_instances(&self) -> Result<Vec<InstanceOut>, Error> {
        let mut all = Vec::new();
        let mut wanted = InstanceQuery { size: Some(500), ..InstanceQuery::default() };
        loop {
            let page = self.instances(&wanted)?;
            all.extend(page.content);
            if page.next == 0 || page.next == wanted.next {
                return Ok(all);
            }
            wanted.next = page.next;
        }
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn create_instance(&self, instance: &InstanceIn) -> Result<InstanceOut, Error> {
        self.read(&Call::post(self.provisioning("instances"), instance)?)
    }

    /// One instance.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn instance(&self, id: Uuid) -> Result<InstanceOut, Error> {
        self.read(&Call::get(self.provisioning(&format!("instances/{id}"))))
    }
}
