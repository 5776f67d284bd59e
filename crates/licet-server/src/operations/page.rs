//! Lists that are read page by page.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::Problem;

/// Entries of a page unless another number is asked for.
const LIMIT: usize = 100;
/// Most entries of a page.
pub(crate) const LIMIT_MAX: usize = 1_000;

/// Which page of a list is wanted. Numbers come as texts, so that a wrong one is named.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParameters {
    /// Number that the page before gave; 0 or nothing for the first page.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    next: Option<String>,
    /// Entries of the page, at most 1000.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Where the page before ended; 0 for the first.
    pub(super) after: i64,
    pub(super) limit: usize,
}

impl PageParameters {
    /// # Errors
    /// 400 `validation_failed`
    pub(super) fn page(&self) -> Result<Page, Problem> {
        Ok(Page { after: cursor("next", self.next.as_deref())?, limit: limit(&self.limit)? })
    }
}

/// A number that another answer gave.
pub(crate) fn cursor(name: &str, text: Option<&str>) -> Result<i64, Problem> {
    match text.map(str::parse) {
        None => Ok(0),
        Some(Ok(after @ 0..)) => Ok(after),
        Some(_) => Err(Problem::invalid(name, "must be the number that the page before gave")),
    }
}

pub(crate) fn limit(text: &Option<String>) -> Result<usize, Problem> {
    match text.as_deref().map(str::parse) {
        None => Ok(LIMIT),
        Some(Ok(limit @ 1..=LIMIT_MAX)) => Ok(limit),
        Some(_) => {
            Err(Problem::invalid("limit", &format!("must be a number from 1 to {LIMIT_MAX}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: &str, limit: &str) -> Option<Page> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        PageParameters { next: text(next), limit: text(limit) }.page().ok()
    }

    #[test]
    fn pages_have_a_size_and_a_place() {
        assert_eq!(page("", ""), Some(Page { after: 0, limit: LIMIT }));
        assert_eq!(page("7", "1000"), Some(Page { after: 7, limit: 1000 }));
        for (next, limit) in [("-1", ""), ("x", ""), ("", "0"), ("", "1001"), ("", "ten")] {
            assert_eq!(page(next, limit), None, "{next} {limit}");
        }
    }
}
