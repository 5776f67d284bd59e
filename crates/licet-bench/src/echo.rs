//! A bare axum echo: the most that HTTP and JSON leave on a machine, to hold licet against.

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use licet_protocol::{AccessRequest, FeatureRequest};
use tokio::net::TcpListener;

/// A server that answers an access request on `POST /`, and a request for features on
/// `POST /features`, with itself, and `GET /` as a heartbeat is
/// answered, with 204.
#[derive(Debug)]
pub struct Echo {
    listener: TcpListener,
}

impl Echo {
    /// Takes a free port of this machine.
    ///
    /// # Errors
    /// There is none.
    pub async fn bind() -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(("127.0.0.1", 0)).await? })
    }

    /// Where it answers.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// The socket is gone.
    pub async fn serve(self) -> io::Result<()> {
        let echo = |Json(body): Json<AccessRequest>| async { Json(body) };
        let features = |Json(body): Json<FeatureRequest>| async { Json(body) };
        let heartbeat = || async { StatusCode::NO_CONTENT };
        let router = Router::new()
            .route("/", post(echo))
            .route("/", get(heartbeat))
            .route("/features", post(features));
        axum::serve(self.listener, router).await
    }
}
