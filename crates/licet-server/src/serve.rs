//! The listener: connections in, answers out, and a shutdown that loses neither.

use std::{io, net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tower::Service;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App, Problem, elastic, license_server,
    limits::HEADER_BYTES_MAX,
    operations,
    security::OverTls,
    service,
    silence::{Heard, Silence},
    usage,
};

/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// How long a caller may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection on which nothing was answered in the whole of such a span is closed: its caller
/// sends too slowly, or nothing. Streams send a sign of life more often.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long open requests may take to end at a shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// All doors in one router.
///
/// # Errors
/// 500 if the OpenAPI document cannot be written, which a test would show.
pub fn router(app: App) -> Result<Router, Problem> {
    let (doors, document) = OpenApiRouter::with_openapi(service::contract())
        .merge(elastic::router())
        .merge(license_server::router())
        .merge(operations::router())
        .merge(usage::router())
        .merge(service::router())
        .split_for_parts();
    let router = doors
        .merge(service::pages(&document)?)
        .fallback(|| async { Problem::not_found("path") })
        .method_not_allowed_fallback(|| async { Problem::plain(crate::Code::MethodNotAllowed) })
        .with_state(app.clone());
    Ok(service::observed(router, app.metrics.clone()))
}

/// An address that is listened to, with or without TLS.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let has_tls = self.tls.is_some();
        f.debug_struct("Listener").field("tcp", &self.tcp).field("tls", &has_tls).finish()
    }
}

impl Listener {
    /// # Errors
    /// The address is taken or not this machine's.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { tcp: TcpListener::bind(address).await?, tls: None })
    }

    /// Speaks TLS with a certificate chain and its private key, both PEM files.
    ///
    /// # Errors
    /// A file cannot be read, is not PEM, or the two do not belong together.
    pub fn with_tls(self, certificate: &Path, private_key: &Path) -> io::Result<Self> {
        let invalid = |error: &dyn std::fmt::Display, path: &Path| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {error}", path.display()))
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
            .map_err(|error| invalid(&error, certificate))?
            .collect();
        let chain = chain.map_err(|error| invalid(&error, certificate))?;
        let key = PrivateKeyDer::from_pem_file(private_key)
            .map_err(|error| invalid(&error, private_key))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(&error, certificate))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| invalid(&error, certificate))?;
        Ok(Self { tls: Some(TlsAcceptor::from(Arc::new(config))), ..self })
    }

    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Serves until `shutdown` ends, then takes no more connections and answers what is open.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.accept(&places) => accepted,
            };
            let Some((stream, peer, place)) = accepted else { continue };
            let (router, tls, watcher) = (router.clone(), self.tls.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _place = place;
                match tls {
                    None => converse(stream, peer, None, router, watcher).await,
                    Some(tls) => {
                        let shaking = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
                        if let Ok(Ok(stream)) = shaking.await {
                            converse(stream, peer, Some(OverTls), router, watcher).await;
                        }
                    }
                }
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were still open at the shutdown");
        }
    }

    async fn accept(
        &self,
        places: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let place = places.clone().acquire_owned().await.ok()?;
        match self.tcp.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete; waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                Some((stream, peer, place))
            }
            Err(error) => {
                tracing::warn!(%error, "connection was not accepted");
                // Out of file handles, most likely; others must end first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                None
            }
        }
    }
}

/// One connection, until either side has had enough.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    tls: Option<OverTls>,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let silence = Silence::default();
    let stream = Heard { stream, silence: silence.clone() };
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(tls) = tls {
            request.extensions_mut().insert(tls);
        }
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        // Who has sent all it will still reads the answer.
        .half_close(true)
        // Answers are small: copying one beats gathering its pieces.
        .writev(false)
        .max_buf_size(HEADER_BYTES_MAX.max(64 * 1024))
        .serve_connection(TokioIo::new(stream), answer);
    tokio::select! {
        biased;
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
        }
        () = silence.is_longer_than(SILENCE_MAX) => tracing::debug!("connection closed after long silence"),
    }
}
