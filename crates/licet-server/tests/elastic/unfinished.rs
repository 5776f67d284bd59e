//! A body that breaks off.

use licet_server::{Listener, router};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

use crate::support::{TestServer, access};

/// What was sent is a whole request in itself; only its length tells that there was more.
#[tokio::test]
async fn a_body_that_breaks_off_is_refused_and_charges_nothing() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let doors = router(server.app.clone()).unwrap();
    let serving = tokio::spawn(listener.serve(doors, async {
        let _ = stopped.await;
    }));

    let token = server.client_key.mint(&server.client_claims(&[&instance]));
    let body = access(&[("A", 1.0)]).to_string();
    let head = |length: usize| {
        format!(
            "POST /elastic/api/v1.1/instances/{instance}/access-request HTTP/1.1\r\n\
             Host: licet\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let ask = async |head: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let refused = ask(head(body.len() + 10)).await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(refused.contains("broke off"), "{refused}");
    assert_eq!(server.used(&instance, "L1").await, 0.0);
    let granted = ask(head(body.len())).await;
    assert!(granted.starts_with("HTTP/1.1 200 "), "{granted}");
    assert_eq!(server.used(&instance, "L1").await, 1.0);

    stop.send(()).unwrap();
    serving.await.unwrap();
}
