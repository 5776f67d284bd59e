//! What the producer has set, and what callers ask.

use std::sync::Arc;

use licet_core::{
    AccessRequest, Command, Count, LineItemState, LineItemTerms, Overdraft, Price, RateItem,
    RateTable, RateTables, RequestedItem, Requester, Site, Tokens,
};

use crate::site::{ITEM, PLENTY};

/// Activation ID of the line item that each instance has.
pub(super) const LINE: &str = "L";

pub(super) fn one_unit() -> Command {
    Command::Access { request: request(), key: None }
}

pub(super) fn request() -> AccessRequest {
    let requester = Requester { kind: "user".into(), value: "ada".into(), ..Requester::default() };
    let item = RequestedItem {
        item: ITEM.into(),
        version: "".into(),
        count: Count::from_micros(1_000_000),
        variables: Vec::new(),
        meta_data: None,
    };
    AccessRequest { requester: Arc::new(requester), items: vec![item] }
}

pub(super) fn line_item() -> LineItemTerms {
    LineItemTerms {
        activation_id: LINE.into(),
        state: LineItemState::Deployed,
        quantity: Tokens::from_micros(PLENTY.cast_signed() * 1_000_000),
        starts_at_ms: 0,
        ends_at_ms: i64::MAX / 2,
        elastic: true,
        rate_table_series: "".into(),
        overdraft: Overdraft::None,
        reset_frequency: None,
    }
}

pub(super) fn site() -> Site {
    let price = Price::Rate(Tokens::from_micros(1_000_000));
    let item = RateItem { name: ITEM.to_owned(), version: String::new(), price };
    let table = RateTable {
        series: String::new(),
        version: "1".to_owned(),
        effective_from_ms: 0,
        created_ms: 0,
        items: vec![item],
    };
    Site { rate_tables: RateTables::new([table]), ..Site::default() }
}
