//! The features of an instance as its snapshots have them.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ActiveModel, Client, Clients, Counters, Serving,
    parts::{Part, Parts},
    stock::Stock,
};
use crate::{
    feature::{FeatureId, FeatureLineItem, FeatureLineItemTerms},
    lease::ClientId,
    model::Model,
    reservation::ReservationGroup,
};

/// All that is to be known of features, cheap to take also when there are very many clients.
#[derive(Debug, Clone, Default)]
pub(in crate::instance) struct StoredServing {
    front: Front,
    clients: Clients,
}

/// What comes before the clients.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Front {
    lines: Vec<FeatureLineItem>,
    stocks: Vec<StoredStock>,
    groups: Vec<ReservationGroup>,
    model: Option<(Arc<str>, i64)>,
    counters: Counters,
    last_client: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredStock {
    id: FeatureId,
    index: usize,
    parts: Vec<Part>,
    /// Of a stock that its line item does not name any more.
    gone: Option<Arc<FeatureLineItemTerms>>,
    activation_id: Arc<str>,
}

impl StoredServing {
    /// Writes it for [`Serving::from_stored`].
    pub(in crate::instance) fn write(&self, bytes: Vec<u8>) -> Vec<u8> {
        let clients: Vec<(ClientId, &Client)> = self.clients.iter().collect();
        crate::record::encode_into(&(&self.front, clients), bytes)
    }
}

impl Serving {
    pub(in crate::instance) fn stored(&self) -> StoredServing {
        let stock = |stock: &Stock| StoredStock {
            id: stock.id,
            index: stock.index(),
            parts: stock.parts.list().to_vec(),
            gone: stock.is_gone().then(|| stock.line().clone()),
            activation_id: stock.line().activation_id.clone(),
        };
        debug_assert!(self.stocks().all(|stock| stock.is_listed_open == stock.is_open()));
        let front = Front {
            lines: self.line_items(),
            stocks: self.stocks().map(stock).collect(),
            groups: self.groups.all().to_vec(),
            model: self.model.as_ref().map(|active| (active.text.clone(), active.since_ms)),
            counters: self.counters,
            last_client: self.clients.last_id(),
        };
        StoredServing { front, clients: self.clients.clone() }
    }

    /// Reads what [`StoredServing::write`] wrote.
    pub(in crate::instance) fn from_stored(
        bytes: &mut &[u8],
    ) -> Result<Self, crate::record::DecodeError> {
        let (front, clients): (Front, Vec<(ClientId, Client)>) = crate::record::decode_next(bytes)?;
        let lines = front.lines.into_iter().map(|line| (line.terms.activation_id.clone(), line));
        let mut serving =
            Self { lines: lines.collect(), counters: front.counters, ..Self::default() };
        for stock in front.stocks {
            serving.restore(stock);
        }
        serving.groups = front.groups.into_iter().collect();
        serving.model = front.model.and_then(|(text, since_ms)| {
            let model = Arc::new(Model::parse(&text).ok()?);
            Some(ActiveModel { model, text, since_ms })
        });
        serving.clients = Clients::restored(front.last_client, clients);
        serving.sum_up();
        Ok(serving)
    }

    fn restore(&mut self, stored: StoredStock) {
        let standing = self.lines.get(&stored.activation_id).map(|line| line.terms.clone());
        let Some(line) = stored.gone.clone().or(standing) else { return };
        let mut stock = Stock::new(stored.id, line, stored.index);
        if stored.gone.is_some() {
            stock.take_away();
        }
        stock.parts = Parts::new(stored.parts);
        let place = self.stocks.len();
        self.by_id.insert(stored.id, place);
        self.stocks.push(Some(stock));
        self.list(place);
    }

    /// Sums up what is in use of each name.
    fn sum_up(&mut self) {
        let mut sums: HashMap<Arc<str>, u64> = HashMap::new();
        for stock in self.stocks() {
            *sums.entry(stock.terms().name.clone()).or_default() += stock.in_use();
        }
        for (name, sum) in sums {
            self.by_name.entry(name).or_default().in_use = sum;
        }
    }
}
