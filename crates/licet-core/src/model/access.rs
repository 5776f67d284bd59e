//! What the rules let a requester have.

use super::{
    Model,
    pool::PoolRef,
    requester::Requester,
    rule::{Action, Unasked},
};

/// What a requester may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access<'m> {
    /// Nothing, by the rule at this index.
    Denied { rule: usize },
    Granted {
        /// Each once, in the order in which they are served: as the model defines them, the
        /// default pool last. Empty if no rule that was met names any.
        pools: Vec<PoolRef>,
        /// What it gets if it asks for no feature, in the order of the rules. As much of it as
        /// there is: these are wishes of the model, not of the requester.
        unasked: Vec<&'m Unasked>,
    },
}

impl Model {
    /// What the rules say to a requester.
    ///
    /// Rules are looked at in their order. If none is met, the default pool may be used, as by
    /// `on any() { use "default" accept }`.
    #[must_use]
    pub fn access(&self, requester: &Requester<'_>) -> Access<'_> {
        let (mut pools, mut unasked, mut is_met) = (Vec::new(), Vec::new(), false);
        for (index, rule) in self.rules.iter().enumerate() {
            if !rule.condition.holds(requester) {
                continue;
            }
            is_met = true;
            if rule.action == Action::Deny {
                return Access::Denied { rule: index };
            }
            pools.extend(&rule.pools);
            unasked.extend(&rule.unasked);
            if rule.action == Action::Accept {
                break;
            }
        }
        if !is_met {
            pools.push(PoolRef::Default);
        }
        pools.sort_unstable();
        pools.dedup();
        unasked.retain(|wish| !matches!(wish, Unasked::AllFrom(pool) if !pools.contains(pool)));
        Access::Granted { pools, unasked }
    }
}
