//! How a process with an engine in it ends.
//!
//! In: a callback. Out: an exit that does not crash. Start at [`leave_without_destructors`].

use std::{
    ffi::{c_int, c_void},
    ptr,
    sync::OnceLock,
};

/// Makes `exit` end the process without C++ destructors, after calling `callback`. The engine's background threads crash in
/// them, with its connections open or closed. Standard output of Rust is flushed before.
///
/// Handlers run last registered first, and the engine registers destructors while it works; so this is called again
/// whenever an exit comes near.
pub(crate) fn leave_without_destructors(callback: fn()) {
    static CALLBACK: OnceLock<fn()> = OnceLock::new();
    extern "C" fn leave(status: c_int, _: *mut c_void) {
        unsafe extern "C" {
            safe fn _exit(status: c_int) -> !;
        }
        if let Some(callback) = CALLBACK.get() {
            callback();
        }
        _exit(status)
    }
    unsafe extern "C" {
        // glibc's; libchdb needs glibc anyway. `atexit` does not tell the status.
        fn on_exit(callback: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    CALLBACK.get_or_init(|| callback);
    // SAFETY: `leave` is a function of the signature asked for and makes no use of the argument.
    if unsafe { on_exit(leave, ptr::null_mut()) } != 0 {
        tracing::warn!("cannot register the engine's clean-up at exit");
    }
}
