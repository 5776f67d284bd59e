//! Requests for features: hosts that hold a seat each and renew it.

use memchr::memmem;
use uuid::Uuid;

use super::expect;
use crate::{
    Error,
    http::{Answer, Request},
    load::Workload,
    site::Site,
};

/// The feature that is asked for.
pub(crate) const FEATURE: &str = "render";
const HOST: &str = "host-00000000";
const DIGITS: usize = 8;

/// A body in which the host's number changes.
#[derive(Debug, Clone)]
pub(crate) struct HostBody {
    text: Vec<u8>,
    digits_at: usize,
}

impl HostBody {
    pub(crate) fn new() -> Self {
        let text = format!(
            r#"{{"hostId":{{"type":"string","value":"{HOST}"}},"incremental":false,"partial":false,"borrow-interval":"8h","features":[{{"name":"{FEATURE}","version":"2.0","count":1}}]}}"#
        );
        let digits_at = text.find(HOST).unwrap_or(0) + HOST.len() - DIGITS;
        Self { text: text.into_bytes(), digits_at }
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn write(&self, number: u64, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(&self.text);
        let digits = &mut out[from + self.digits_at..from + self.digits_at + DIGITS];
        let mut number = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

/// How answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    Plain,
    Signed,
}

/// One host after the other asks for its seat again.
pub(crate) struct Renewals {
    head: Vec<u8>,
    body: HostBody,
    answers: Answers,
    hosts: u64,
    next: u64,
    /// Requests that are left, where it ends by itself.
    left: Option<u64>,
}

impl Renewals {
    pub(crate) fn new(
        site: &Site,
        instance_id: Uuid,
        hosts: u64,
        answers: Answers,
    ) -> Result<Self, Error> {
        let door = match answers {
            Answers::Plain => "access_request",
            Answers::Signed => "signed_access_request",
        };
        let path = format!("/api/1.0/instances/{instance_id}/{door}");
        let body = HostBody::new();
        let request = Request::new("POST", &path).bearer(&site.token(instance_id)?);
        let head = request.head_of_json(body.len());
        Ok(Self { head, body, answers, hosts, next: 0, left: None })
    }

    /// Until each host has asked once.
    pub(crate) fn once(self) -> Self {
        Self { left: Some(self.hosts), ..self }
    }
}

impl Workload for Renewals {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        match &mut self.left {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        out.extend_from_slice(&self.head);
        self.body.write(self.next % self.hosts, out);
        self.next += 1;
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(200, answer)?;
        let mark: &[u8] = match self.answers {
            Answers::Plain => br#""statusList":[]"#,
            Answers::Signed => br#""signature":""#,
        };
        match memmem::find(answer.body, mark) {
            Some(_) => Ok(1),
            None => Err("not all that was asked for was granted".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_change_and_the_length_does_not() {
        let (body, mut out) = (HostBody::new(), b"head".to_vec());
        body.write(1_234, &mut out);
        let request: licet_protocol::FeatureRequest = serde_json::from_slice(&out[4..]).unwrap();
        assert_eq!(request.host_id.value, "host-00001234");
        assert_eq!(out.len(), 4 + body.len());
    }
}
