//! Ends connections on which nothing is answered any more, whatever their callers do: keep still,
//! or send a head or a body byte by byte.
//!
//! One timer a connection that runs to its end and looks at a flag, in place of one that is set
//! and taken back with every request.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether something was written since it was last asked; a clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silence {
    was_broken: Arc<AtomicBool>,
}

impl Silence {
    /// Returns when nothing was written for `span`, or up to twice as long.
    pub(crate) async fn is_longer_than(&self, span: Duration) {
        loop {
            tokio::time::sleep(span).await;
            if !self.was_broken.swap(false, Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// A stream whose writes break the silence.
#[derive(Debug)]
pub(crate) struct Heard<S> {
    pub(crate) stream: S,
    pub(crate) silence: Silence,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.silence.was_broken.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.silence.was_broken.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn silence_lasts_until_something_is_written() {
        let silence = Silence::default();
        let mut stream = Heard { stream: Vec::new(), silence: silence.clone() };
        let started = tokio::time::Instant::now();
        stream.write_all(b"answer").await.unwrap();
        silence.is_longer_than(SPAN).await;
        assert_eq!(started.elapsed(), 2 * SPAN, "the first span had an answer in it");
        silence.is_longer_than(SPAN).await;
        assert_eq!(started.elapsed(), 3 * SPAN);
    }
}
