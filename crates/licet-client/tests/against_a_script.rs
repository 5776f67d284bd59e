//! The client against a server that answers as a script says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use licet_client::{AccessOptions, Client, EndReason, Error, Session};
use licet_protocol::{AccessRequest, InstanceIn, RequestedItem, Requester, SessionAccessRequest};
use uuid::Uuid;

const INSTANCE: Uuid = Uuid::from_u128(7);
const SESSION: &str = "00000000-0000-0000-0000-000000000009";
const GRANTED: &str = r#"{"correlationId":"00000000-0000-0000-0000-000000000001",
    "requester":{"type":"user","value":"ada"},
    "requestedItems":[{"item":"Render","version":"","count":1,"totalTokensCharged":7.5,
        "lineItems":[{"activationId":"L1","rate":7.5,"tokensCharged":7.5}],
        "status":{"code":"1101","description":"Successfully checked out"}}]}"#;
const DENIED: &str = r#"{"correlationId":"00000000-0000-0000-0000-000000000001",
    "requester":{"type":"user","value":"ada"},
    "requestedItems":[{"item":"Render","version":"","count":0,"totalTokensCharged":0,
        "lineItems":[],
        "status":{"code":"1306","description":"Insufficient elastic tokens available"}}]}"#;

/// A request as it came.
#[derive(Debug, Clone)]
struct Seen {
    /// Method and path.
    line: String,
    headers: String,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

/// `None` closes the connection without an answer.
type Reply = Option<(u16, &'static str, String)>;

/// Starts a server; gives its address and what it sees.
fn serve(script: impl Fn(usize, &Seen) -> Reply + Send + 'static) -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it has an address"));
    let (seen, all) = channel();
    thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection comes");
            let request = read_request(&stream);
            let reply = script(index, &request);
            if seen.send(request).is_err() {
                return;
            }
            if let Some((status, headers, body)) = reply {
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\
                     {headers}\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).expect("it is written");
            }
        }
    });
    (address, all)
}

fn read_request(stream: &TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("there is a first line");
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
        reader.read_line(&mut headers).expect("there are headers");
    }
    let headers = headers.to_lowercase().replace('\r', "");
    let seen = Seen { line, headers, body: String::new() };
    let length = seen.header("content-length").map_or(0, |text| text.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("there is a body");
    let line = seen.line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Seen { line, body: String::from_utf8(body).expect("it is UTF-8"), ..seen }
}

fn client(address: &str) -> Client {
    let client = Client::new(address).expect("it is an address");
    client.with_token("t0ken").with_attempts(3, Duration::from_millis(1))
}

fn requester() -> Requester {
    Requester { kind: "user".into(), value: "ada".into(), dictionary: None }
}

fn items() -> Vec<RequestedItem> {
    let count = "1".parse().expect("it is a number");
    let (item, version) = ("Render".into(), "".into());
    vec![RequestedItem { item, version, count, meta_data: None, variables: None }]
}

fn request() -> AccessRequest {
    AccessRequest { requester: requester(), requested_items: items() }
}

fn session_request() -> SessionAccessRequest {
    SessionAccessRequest {
        requester: requester(),
        rollback_on_deny: true,
        requested_items: items(),
    }
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let (address, seen) = serve(|index, _| (index > 0).then(|| (200, "", GRANTED.to_owned())));
    let options = AccessOptions { preview: true, idempotency_key: None };
    let answer = client(&address).request_access(INSTANCE, &request(), &options);
    let answer = answer.expect("the second attempt is answered");
    assert_eq!(answer.requested_items[0].total_tokens_charged.to_string(), "7.5");
    let (first, second) = (seen.recv().expect("it came"), seen.recv().expect("it came"));
    let path = format!("POST /elastic/api/v1.1/instances/{INSTANCE}/access-request?preview=true");
    assert_eq!((&first.line, &first.body), (&path, &second.body));
    assert!(first.header("idempotency-key").is_some());
    assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
    assert_eq!(first.header("authorization"), Some("bearer t0ken"));
}

#[test]
fn what_might_be_done_twice_is_not_sent_twice() {
    let (address, seen) = serve(|_, _| None);
    let instance = InstanceIn { short_name: "a".into(), account_id: "b".into() };
    let error = client(&address).create_instance(&instance).expect_err("there is no answer");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(seen.recv().is_ok());
    assert!(seen.try_recv().is_err());
}

#[test]
fn a_busy_server_is_asked_again() {
    let (address, seen) = serve(|index, _| {
        let busy = (503, "retry-after: 0\r\n", String::new());
        Some(if index == 0 { busy } else { (200, "", "[]".to_owned()) })
    });
    assert_eq!(client(&address).rate_tables().expect("it answers"), []);
    assert_eq!(seen.iter().take(2).count(), 2);
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it has an address"));
    drop(listener);
    let error = client(&address).rate_tables().expect_err("nobody listens");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn errors_come_with_their_code() {
    let body = r#"{"status":404,"code":"not_found","detail":"There is no such line item"}"#;
    let (address, seen) = serve(move |_, _| Some((404, "", body.to_owned())));
    let error = client(&address).line_item(INSTANCE, "NW/1").expect_err("there is none");
    assert_eq!(error.status(), Some(404));
    assert_eq!(error.to_string(), "There is no such line item (HTTP 404, not_found)");
    let line = seen.recv().expect("it came").line;
    assert!(line.ends_with("/line-items/NW%2F1"), "{line}");
}

#[test]
fn a_session_that_is_denied_is_not_left_open() {
    let (address, seen) = serve(|_, request| {
        Some(match request.line.split(' ').next() {
            Some("POST") => (200, "", format!(r#"{{"sessionId":"{SESSION}"}}"#)),
            Some("PUT") => (409, "", DENIED.to_owned()),
            _ => (204, "", String::new()),
        })
    });
    let result = Session::open(&client(&address), INSTANCE, &session_request(), |_| {});
    let error = result.expect_err("it is denied");
    assert_eq!(error.to_string(), "denied: Render: Insufficient elastic tokens available (1306)");
    let lines: Vec<_> = seen.iter().take(3).map(|request| request.line).collect();
    assert_eq!(lines[2], format!("DELETE /api/v1.1/sessions/{SESSION}"));
}

/// The server's clock is set by its `Date`: the automatic charge is over when the client first
/// looks at it, so that the heartbeat is due at once.
fn session_script(heartbeat: u16) -> impl Fn(usize, &Seen) -> Reply {
    const AT_NOON: &str = "date: Sun, 06 Nov 1994 12:00:00 GMT\r\n";
    const AT_TEN_PAST_ONE: &str = "date: Sun, 06 Nov 1994 13:10:00 GMT\r\n";
    const ONE_OCLOCK_MS: i64 = 784_126_800_000;
    move |_, request| {
        let detail = format!(
            r#"{{"sessionId":"{SESSION}","instanceId":"{INSTANCE}","state":"ACTIVE",
                "chargedUntil":{ONE_OCLOCK_MS},"items":[]}}"#
        );
        let line = &request.line;
        Some(match line.split(' ').next() {
            Some("POST") => (200, AT_NOON, format!(r#"{{"sessionId":"{SESSION}"}}"#)),
            Some("PUT") => (200, AT_NOON, GRANTED.to_owned()),
            _ if line.ends_with("/heartbeat") => {
                (heartbeat, AT_TEN_PAST_ONE, r#"{"message":"session is terminated"}"#.to_owned())
            }
            Some("GET") => (200, AT_TEN_PAST_ONE, detail),
            _ => (204, AT_TEN_PAST_ONE, String::new()),
        })
    }
}

#[test]
fn the_application_hears_that_its_session_is_over() {
    let (address, _seen) = serve(session_script(409));
    let (tell, ended) = channel();
    let session = Session::open(&client(&address), INSTANCE, &session_request(), move |end| {
        tell.send(end).expect("the test listens");
    });
    let session = session.expect("it is granted");
    let end = ended.recv_timeout(Duration::from_secs(20)).expect("it ends");
    assert_eq!(end.reason, EndReason::Terminated);
    assert_eq!(end.detail, "session is terminated (HTTP 409)");
    assert!(session.is_over());
}

/// The next charge is 50 minutes away, but the last look half a minute or more ago.
#[test]
fn an_end_from_outside_is_noticed_between_charges() {
    const AT_NOON: &str = "date: Sun, 06 Nov 1994 12:00:00 GMT\r\n";
    const AT_TEN_PAST: &str = "date: Sun, 06 Nov 1994 12:10:00 GMT\r\n";
    let on_time = session_script(409);
    let (address, _seen) = serve(move |index, request| {
        let (status, headers, body) = on_time(index, request)?;
        Some((status, if headers == AT_NOON { AT_NOON } else { AT_TEN_PAST }, body))
    });
    let (tell, ended) = channel();
    let session = Session::open(&client(&address), INSTANCE, &session_request(), move |end| {
        tell.send(end).expect("the test listens");
    });
    let session = session.expect("it is granted");
    let end = ended.recv_timeout(Duration::from_secs(20)).expect("it ends");
    assert_eq!(end.reason, EndReason::Terminated);
    assert!(session.is_over());
}

#[test]
fn a_session_is_given_back_when_it_is_dropped() {
    let answered = Arc::new(session_script(204));
    let (address, seen) = serve(move |index, request| answered(index, request));
    let session = Session::open(&client(&address), INSTANCE, &session_request(), |_| {});
    drop(session.expect("it is granted"));
    let closed = seen.iter().find(|request| request.line.starts_with("DELETE"));
    let closed = closed.expect("it is closed");
    assert_eq!(closed.header("x-instance-id"), Some(&*INSTANCE.to_string()));
}
