//! Threads for work beside the requests: enriching, folding, probing, recording. What
//! they compute holds up no request; those that nobody waits for give way as well.

use std::{future::Future, io};

use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};

/// How much such a thread gives way: at 10 it gets about a tenth of a processor that
/// a request wants as well, and all of one that is free.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Runs a future on a thread of its own; what comes back ends with it.
///
/// # Errors
/// No thread can be had.
pub fn spawn<F>(name: &str, work: F) -> io::Result<JoinHandle<Option<F::Output>>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = Handle::current();
    let (answer, done) = oneshot::channel();
    let of_thread = runtime.clone();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Who asked may have gone.
        let _ = answer.send(of_thread.block_on(work));
    })?;
    // A panic in the thread drops the sender.
    Ok(runtime.spawn(async move { done.await.ok() }))
}

/// Lets this thread give way to others. Where the system does not know how, it runs
/// like any other.
pub fn give_way() {
    // On Linux the value is the thread's own.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the thread does not give way");
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn what_a_thread_gives_comes_back_and_so_does_its_end() {
        let given = super::spawn("test", async { 7 }).unwrap().await.unwrap();
        assert_eq!(given, Some(7));
        let work = async { assert_eq!(1, 2, "this test panics on a thread of its own") };
        assert_eq!(super::spawn("test", work).unwrap().await.unwrap(), None);
    }
}
