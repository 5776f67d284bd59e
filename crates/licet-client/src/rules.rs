//! Rules of access: conditions of an instance and actions of its line items.

use licet_protocol::{
    ActionOut, ActionsIn, ConditionOut, ConditionsIn, LineItemActions, LineItemActionsPage,
};
use uuid::Uuid;

use crate::{
    Client, Error,
    path::{encode, query},
    transport::Call,
};

impl Client {
    /// The conditions of an instance.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn conditions(&self, instance_id: Uuid) -> Result<Vec<ConditionOut>, Error> {
        self.read(&Call::get(self.conditions_path(instance_id)))
    }

    /// Changes the conditions that have an id and adds the others; the rest stays.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn put_conditions(
        &self,
        instance_id: Uuid,
        conditions: &ConditionsIn,
    ) -> Result<Vec<ConditionOut>, Error> {
        self.read(&Call::patch(self.conditions_path(instance_id), conditions)?)
    }

    /// Deletes a condition that no action uses.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if one does; else as every call.
    pub fn delete_condition(&self, instance_id: Uuid, condition_id: Uuid) -> Result<(), Error> {
        let path = format!("{}/{condition_id}", self.conditions_path(instance_id));
        self.expect_success(&Call::delete(path))
    }

    /// Deletes all conditions of an instance, if no action uses any.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if one does; else as every call.
    pub fn delete_conditions(&self, instance_id: Uuid) -> Result<(), Error> {
        self.expect_success(&Call::delete(self.conditions_path(instance_id)))
    }

    /// The actions of a line item, in order.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn actions(&self, instance_id: Uuid, activation_id: &str) -> Result<Vec<ActionOut>, Error> {
        self.read(&Call::get(self.actions_path(instance_id, activation_id)))
    }

    /// The actions of all line items of an instance that have some.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn all_actions(&self, instance_id: Uuid) -> Result<Vec<LineItemActions>, Error> {
        let (mut all, mut next) = (Vec::new(), 0);
        loop {
            let values = [("next", (next != 0).then(|| next.to_string()))];
            let rest = format!("instances/{instance_id}/line-items/actions{}", query(&values));
            let page: LineItemActionsPage = self.read(&Call::get(self.api(&rest)))?;
            all.extend(page.line_items);
            if page.next == 0 || page.next == next {
                return Ok(all);
            }
            next = page.next;
        }
    }

    /// Takes the place of all actions of a line item. One that is left out is deleted with its
    /// count of tokens used.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn put_actions(
        &self,
        instance_id: Uuid,
        activation_id: &str,
        actions: &ActionsIn,
    ) -> Result<Vec<ActionOut>, Error> {
        self.read(&Call::put(self.actions_path(instance_id, activation_id), actions)?)
    }

    /// Deletes all actions of a line item.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn delete_actions(&self, instance_id: Uuid, activation_id: &str) -> Result<(), Error> {
        self.expect_success(&Call::delete(self.actions_path(instance_id, activation_id)))
    }

    fn conditions_path(&self, instance_id: Uuid) -> String {
        self.api(&format!("instances/{instance_id}/conditions"))
    }

    fn actions_path(&self, instance_id: Uuid, activation_id: &str) -> String {
        let activation_id = encode(activation_id);
        self.api(&format!("instances/{instance_id}/line-items/{activation_id}/actions"))
    }
}
