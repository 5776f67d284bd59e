//! Access requests, alone and in arrays, on one instance or spread over many.

use uuid::Uuid;

use super::{Draws, expect};
use crate::{
    Error,
    http::{Answer, Request},
    load::Workload,
    site::{ITEM, Site},
    tokens::Charges,
};

/// Different requesters that ask.
const REQUESTERS: u64 = 1_000;
const REQUESTER: &str = "user-000000";
const DIGITS: usize = 6;

/// Asks for one unit in each request.
pub(crate) struct Access {
    /// For each instance, everything before the body.
    heads: Vec<Vec<u8>>,
    body: Body,
    charges: Charges,
    draws: Draws,
    pub(crate) charged_micros: u64,
    pub(crate) charged_items: u64,
}

/// A body in which the requesters' numbers change.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) text: Vec<u8>,
    /// Where the digits of each requester are.
    places: Vec<usize>,
}

impl Body {
    /// One request, as `access-request` takes it.
    pub(crate) fn of_one() -> Self {
        Self::new(one())
    }

    /// An array, as `access-requests` takes it.
    pub(crate) fn of_many(requests: usize) -> Self {
        Self::new(format!("[{}]", vec![one(); requests].join(",")))
    }

    fn new(text: String) -> Self {
        let before_digits = REQUESTER.len() - DIGITS;
        let places = text.match_indices(REQUESTER).map(|(place, _)| place + before_digits);
        Self { places: places.collect(), text: text.into_bytes() }
    }

    pub(crate) fn requests(&self) -> usize {
        self.places.len()
    }

    /// Appends it with other requesters.
    pub(crate) fn write(&self, draws: &mut Draws, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(&self.text);
        for place in &self.places {
            let mut number = draws.below(REQUESTERS);
            for digit in out[from + place..from + place + DIGITS].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
    }
}

fn one() -> String {
    format!(
        r#"{{"requester":{{"type":"user","value":"{REQUESTER}"}},"requestedItems":[{{"item":"{ITEM}","version":"","count":1}}]}}"#
    )
}

impl Access {
    /// One request in each call, on an instance drawn anew each time.
    pub(crate) fn one_by_one(site: &Site, instances: &[Uuid]) -> Result<Self, Error> {
        Self::new(site, instances, "access-request", Body::of_one())
    }

    /// An array of so many requests in each call.
    pub(crate) fn in_arrays(
        site: &Site,
        instances: &[Uuid],
        requests: usize,
    ) -> Result<Self, Error> {
        Self::new(site, instances, "access-requests", Body::of_many(requests))
    }

    fn new(site: &Site, instances: &[Uuid], door: &str, body: Body) -> Result<Self, Error> {
        let head = |instance_id: &Uuid| {
            let path = format!("/elastic/api/v1.1/instances/{instance_id}/{door}");
            let request = Request::new("POST", &path).bearer(&site.token(*instance_id)?);
            Ok(request.head_of_json(body.text.len()))
        };
        let heads = instances.iter().map(head).collect::<Result<_, Error>>()?;
        Ok(Self {
            heads,
            body,
            charges: Charges::new(),
            draws: Draws::new(),
            charged_micros: 0,
            charged_items: 0,
        })
    }
}

impl Workload for Access {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let place = self.draws.below(self.heads.len() as u64);
        out.extend_from_slice(&self.heads[place as usize]);
        self.body.write(&mut self.draws, out);
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(200, answer)?;
        let (items, micros) = self.charges.read(answer.body);
        if items != self.body.requests() as u64 {
            return Err(format!("{items} of {} items have 1101", self.body.requests()));
        }
        self.charged_micros += micros;
        self.charged_items += items;
        Ok(items)
    }
}

/// So many arrays, then no more.
pub(crate) struct Fill {
    pub(crate) access: Access,
    calls_left: u64,
}

impl Fill {
    pub(crate) fn new(access: Access, calls: u64) -> Self {
        Self { access, calls_left: calls }
    }
}

impl Workload for Fill {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let is_left = self.calls_left > 0;
        self.calls_left = self.calls_left.saturating_sub(1);
        is_left && self.access.ask(connection, out)
    }

    fn take(&mut self, connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        self.access.take(connection, answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requesters_change_and_the_length_does_not() {
        let (body, mut draws, mut out) = (Body::of_many(3), Draws::new(), b"head".to_vec());
        body.write(&mut draws, &mut out);
        let text = std::str::from_utf8(&out[4..]).unwrap();
        let requests: Vec<licet_protocol::AccessRequest> = serde_json::from_str(text).unwrap();
        let values: Vec<_> = requests.iter().map(|request| &*request.requester.value).collect();
        assert_eq!((out.len(), requests.len()), (4 + body.text.len(), 3));
        assert!(values.windows(2).any(|two| two[0] != two[1]), "{values:?}");
    }
}
