//! An instance that has more to do than it can.

use futures_util::future::join_all;
use licet_engine::Options;

use crate::support::{TestServer, access};

/// All of them ask before the instance has a chance to look into its mailbox: the test has one
/// thread.
#[tokio::test]
async fn what_does_not_fit_the_mailbox_is_answered_503_and_not_done() {
    let options = Options { mailbox_capacity: 1, ..Options::default() };
    let server = TestServer::builder().engine(options).start().await;
    let instance = server.stocked("NORTHWIND", 1_000).await;
    let client = server.client(&[&instance]);
    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    let request = access(&[("A", 1.0)]);
    let calls = (0..200).map(|_| client.post(&path, &request).into_future());
    let answers = join_all(calls).await;
    let (granted, busy): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 200);
    assert!(!granted.is_empty());
    assert!(!busy.is_empty());
    let mut expected = 0.0;
    for answer in granted {
        let answer = answer.value(200);
        assert_eq!(answer["requestedItems"][0]["totalTokensCharged"], 1);
        expected += 1.0;
    }
    for answer in busy {
        assert_eq!(answer.headers["retry-after"], "1");
        answer.problem(503, "overloaded");
    }
    assert_eq!(server.used(&instance, "L1").await, expected);
}
