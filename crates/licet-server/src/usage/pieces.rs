//! Answers that are sent while they are read from the store, so that none is whole in memory.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::stream;
use licet_store::StoreError;

use crate::Problem;

/// A body in the making.
pub(super) trait Pieces: Send + Sized + 'static {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<String>, PieceError>> + Send;

    /// The answer with this body. Its first piece is made before the head is sent, so that a
    /// failure there is answered as one; a later failure breaks the connection, so that half an
    /// answer is never taken for a whole one.
    ///
    /// # Errors
    /// 500, 503
    fn send(
        mut self,
        media_type: &'static str,
    ) -> impl Future<Output = Result<Response, Problem>> + Send {
        async move {
            let first = self.next().await?;
            let rest = stream::try_unfold((first, self), |(ready, mut pieces)| async move {
                let piece = match ready {
                    Some(piece) => Some(piece),
                    None => pieces.next().await?,
                };
                Ok::<_, PieceError>(piece.map(|piece| (Bytes::from(piece), (None, pieces))))
            });
            let mut response = Response::new(Body::from_stream(rest));
            let media_type = HeaderValue::from_static(media_type);
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            Ok(response)
        }
    }
}

/// Why a body breaks off.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PieceError(Problem);

impl From<Problem> for PieceError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for PieceError {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<serde_json::Error> for PieceError {
    fn from(error: serde_json::Error) -> Self {
        Self(Problem::internal(&error))
    }
}

impl From<PieceError> for Problem {
    fn from(error: PieceError) -> Self {
        error.0
    }
}
