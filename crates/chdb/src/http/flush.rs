//! Knows when everything written to a connection has left this process.
//!
//! An answer that fails half way ends with the reason, and then the connection must break. hyper drops what it has not yet
//! written when a body fails, so the body waits here until the reason is out. Start at [`Watched`].

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Counts the moments at which nothing was left to write.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    count: AtomicU64,
    waiting: Mutex<Option<Waker>>,
}

impl Flushes {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Ready once something was flushed after `count` was read.
    pub(super) fn poll_after(&self, count: u64, task: &mut Context<'_>) -> Poll<()> {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.waker().clone());
        if self.count() > count { Poll::Ready(()) } else { Poll::Pending }
    }

    fn note(&self) {
        self.count.fetch_add(1, Ordering::Release);
        if let Some(waker) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}

/// A connection that tells its [`Flushes`]. hyper flushes only when its own buffer is empty.
pub(super) struct Watched<T> {
    pub(super) inner: T,
    pub(super) flushes: Arc<Flushes>,
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(task, buffer)
    }
}

impl<T: Write + Unpin> Write for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(task);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.flushes.note();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(task)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(task, slices)
    }
}
