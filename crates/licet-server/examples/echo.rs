//! A bare axum echo of an access request: the most that HTTP and JSON leave on this machine, to
//! hold licet's own figures against.
//!
//! `cargo run --release --example echo -- 127.0.0.1:7080`, then POST to `/`.

use axum::{Json, Router, routing::post};
use licet_protocol::AccessRequest;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7080".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    let router =
        Router::new().route("/", post(|Json(body): Json<AccessRequest>| async { Json(body) }));
    axum::serve(listener, router).await
}
