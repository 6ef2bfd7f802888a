//! How many threads compute on the processor.
//!
//! candle's quantised kernels run on a pool of the whole process. Its workers
//! spin while they wait for each other, so a thread more than there are idle
//! cores makes every token slower, not faster. The pool reads its size once,
//! from the environment, when it is first used; there is no call for it.

use std::num::NonZero;

/// What candle's pool reads.
const VARIABLE: &str = "CANDLE_NUM_THREADS";

/// More than this is limited by memory, not by cores.
const MOST_BY_DEFAULT: usize = 8;

/// Threads where the configuration names none: half of the cores, since the
/// server, its index and the embedding engine need theirs.
pub fn by_default() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (cores / 2).clamp(1, MOST_BY_DEFAULT)
}

/// Sets the number for this process; 0 means [`by_default`]. A variable that
/// the operator set already wins over it.
///
/// # Safety
/// Call it at the start of `main`, while there is no other thread: it changes
/// the environment.
#[allow(unsafe_code, reason = "the pool reads its threads from the environment alone")]
pub unsafe fn configure(threads: usize) {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let threads = if threads == 0 { by_default() } else { threads };
    // SAFETY: the caller vouches that no other thread runs yet.
    unsafe { std::env::set_var(VARIABLE, threads.to_string()) };
}

/// Threads that compute in this process. Starts the pool.
pub fn in_force() -> usize {
    candle_core::utils::barrier_pool().n_workers() + 1
}
