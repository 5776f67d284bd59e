//! Prices and settings: how they stand in the store, and what decisions and doors read.

use licet_core::{Formula, Price, RateItem, RateTable, RateTables, Site};
use licet_protocol::PriceIn;
use licet_store::{RateTableRow, SettingRow, Store, StoreError};

use crate::{
    instance_settings::{self, InstanceSettings},
    problem::Problem,
};

/// `timezone.tolerant`: `true` or `false`.
pub(crate) const TIMEZONE_TOLERANT: &str = "timezone.tolerant";
/// `session.charge.period`: ISO 8601 hours and minutes, from `PT10M` to `PT24H`.
pub(crate) const SESSION_CHARGE_PERIOD: &str = "session.charge.period";

const MINUTE_MS: i64 = 60_000;
const PERIOD_MIN_MS: i64 = 10 * MINUTE_MS;
const PERIOD_MAX_MS: i64 = 24 * 60 * MINUTE_MS;

/// All that can be changed and that decisions and doors read.
pub(crate) struct Terms {
    pub(crate) site: Site,
    pub(crate) instance_settings: InstanceSettings,
}

/// Reads the prices and settings of the site, and the settings of its instances.
///
/// # Errors
/// 503 `store_unavailable`; 500 if what is stored cannot be read.
pub(crate) async fn load(store: &dyn Store) -> Result<Terms, Problem> {
    let tables = store.rate_tables().await?;
    let settings = store.settings().await?;
    let (policies, instance_settings) =
        instance_settings::read(&store.instance_settings(None).await?);
    let tables: Result<Vec<_>, _> = tables.iter().map(rate_table).collect();
    let tables = tables.map_err(|error| Problem::internal(&error))?;
    let mut site = Site { rate_tables: RateTables::new(tables), policies, ..Site::default() };
    for SettingRow { name, value, .. } in settings {
        match name.as_str() {
            TIMEZONE_TOLERANT => site.timezone_tolerant = value == "true",
            SESSION_CHARGE_PERIOD => {
                site.charge_period_ms = charge_period_ms(&value).unwrap_or(site.charge_period_ms);
            }
            _ => {}
        }
    }
    Ok(Terms { site, instance_settings })
}

/// Items as the store keeps them: the JSON of the wire.
///
/// # Errors
/// A text that says why not, which is a fault of the server.
pub(crate) fn encode_items(items: &[licet_protocol::RateItem]) -> Result<String, Problem> {
    serde_json::to_string(items).map_err(|error| Problem::internal(&error))
}

/// # Errors
/// [`StoreError::Damaged`] if the row holds no items.
pub(crate) fn decode_items(
    row: &RateTableRow,
) -> Result<Vec<licet_protocol::RateItem>, StoreError> {
    serde_json::from_str(&row.items).map_err(|error| damaged(row, &error))
}

fn rate_table(row: &RateTableRow) -> Result<RateTable, StoreError> {
    let items = decode_items(row)?;
    let items: Result<Vec<_>, _> = items.iter().map(|item| rate_item(row, item)).collect();
    Ok(RateTable {
        series: row.series.clone(),
        version: row.version.clone(),
        effective_from_ms: row.effective_from_ms,
        created_ms: row.created_ms,
        items: items?,
    })
}

fn rate_item(row: &RateTableRow, item: &licet_protocol::RateItem) -> Result<RateItem, StoreError> {
    let price = match item.price() {
        Ok(PriceIn::Rate(rate)) => Price::Rate(rate.0),
        Ok(PriceIn::Formula(source)) => {
            Price::Formula(Formula::parse(source).map_err(|error| damaged(row, &error))?)
        }
        Err(what) => return Err(damaged(row, &what)),
    };
    let (name, version) = (item.name.to_string(), item.version.to_string());
    Ok(RateItem { name, version, price })
}

fn damaged(row: &RateTableRow, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("rate table {:?} {:?}: {error}", row.series, row.version))
}

/// Milliseconds of an ISO 8601 duration `PTnH`, `PTnM` or `PTnHnM`; `None` if it is none or not
/// between 10 minutes and 24 hours.
#[must_use]
pub(crate) fn charge_period_ms(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("PT")?;
    let (hours, rest) = match rest.split_once('H') {
        Some((hours, rest)) => (whole_number(hours)?, rest),
        None => (0, rest),
    };
    let minutes = match rest.strip_suffix('M') {
        Some(minutes) => whole_number(minutes)?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    let period_ms = (hours * 60 + minutes) * MINUTE_MS;
    (PERIOD_MIN_MS..=PERIOD_MAX_MS).contains(&period_ms).then_some(period_ms)
}

/// Up to four digits.
fn whole_number(text: &str) -> Option<i64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_periods_are_hours_and_minutes_within_bounds() {
        for (text, minutes) in
            [("PT1H", 60), ("PT10M", 10), ("PT24H", 1_440), ("PT1H30M", 90), ("PT90M", 90)]
        {
            assert_eq!(charge_period_ms(text), Some(minutes * MINUTE_MS), "{text}");
        }
        for text in ["PT9M", "PT24H1M", "PT", "P1D", "PT1H30S", "1H", "pt1h", "PT-1H", "PT1.5H", ""]
        {
            assert_eq!(charge_period_ms(text), None, "{text}");
        }
    }
}
