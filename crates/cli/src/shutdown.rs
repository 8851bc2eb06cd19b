//! When a process should end: a signal, or, for a supervised child, the end of its standard input.

use std::{
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

/// Says whether this process is a supervised child.
pub(crate) fn is_child() -> bool {
    std::env::vars_os().any(|(name, _)| name == "TRIBUTARY_CHILD")
}

/// Resolves when the process should drain and end. Ctrl-C reaches a whole terminal group, so a supervised child passes over it and waits for
/// its supervisor to close its input.
pub(crate) async fn requested() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    if !is_child() {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        return Ok(());
    }
    let closed = input_closed();
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => {}
            () = wait(&closed) => return Ok(()),
        }
    }
}

/// A thread that blocks on standard input until it ends. A blocked read costs nothing, and a killed supervisor ends it too.
fn input_closed() -> Arc<(AtomicBool, tokio::sync::Notify)> {
    let closed = Arc::new((AtomicBool::new(false), tokio::sync::Notify::new()));
    let signal = Arc::clone(&closed);
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
        signal.0.store(true, Ordering::Release);
        signal.1.notify_one();
    });
    closed
}

async fn wait(closed: &(AtomicBool, tokio::sync::Notify)) {
    while !closed.0.load(Ordering::Acquire) {
        closed.1.notified().await;
    }
}

/// Sets a flag when a signal asks the process to end: for loops without a runtime.
pub(crate) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    std::thread::spawn(move || {
        // A process that cannot hear signals ends at once rather than never.
        drop(runtime.block_on(requested()));
        set.store(true, Ordering::Release);
    });
    Ok(flag)
}
