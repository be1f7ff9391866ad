//! A background task that dies with its owner and whose error surfaces at the owner's next call.
//!
//! The one place of this crate that starts a task; only the HTTP client's connection pool starts its own, which end with
//! the pool. Restarting a task that ended is the engine's business.

use std::future::Future;
use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running background task. Dropping it ends the task at its next await.
#[derive(Debug)]
pub struct Pump {
    name: &'static str,
    task: JoinHandle<()>,
    end: watch::Receiver<Option<Result<(), Fault>>>,
}

impl Pump {
    /// Starts `work` under a name for faults.
    pub fn start(name: &'static str, work: impl Future<Output = Result<(), Fault>> + Send + 'static) -> Self {
        let (tell, end) = watch::channel(None);
        let task = tokio::spawn(async move {
            let outcome = work.await;
            tell.send_replace(Some(outcome));
        });
        Self { name, task, end }
    }

    /// Waits until the task has ended and says how. Cancel-safe, and may be asked any number of times.
    ///
    /// # Errors
    /// The task's own fault; `RECEIVE-004` if it panicked or was ended from outside.
    pub async fn ended(&self) -> Result<(), Fault> {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err(Fault::new(
                Code::ReceiveStoreUnavailable,
                format!("the background task {:?} ended unexpectedly", self.name),
            )),
        }
    }

    /// Gives the task `patience` to end by itself, then ends it. Says whether it ended by itself.
    pub async fn finish(self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.ended()).await.is_ok()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn however_the_task_ends_its_owner_learns_it() {
        let fault = Fault::new(Code::ReceiveStoreUnavailable, "the link is lost");
        let fails = Pump::start("fails", std::future::ready(Err(fault.clone())));
        assert_eq!(fails.ended().await, Err(fault.clone()));
        assert_eq!(fails.ended().await, Err(fault), "asked again");
        let panics = Pump::start("panics", async { panic!("a defect") });
        assert!(panics.ended().await.expect_err("panicked").message.contains("\"panics\" ended unexpectedly"));
        assert!(Pump::start("ends", std::future::ready(Ok(()))).finish(Duration::from_secs(60)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_dies_with_its_owner() {
        let (alive, mut gone) = tokio::sync::mpsc::channel::<()>(1);
        let endless = |alive| async move {
            let _alive: tokio::sync::mpsc::Sender<()> = alive;
            std::future::pending().await
        };
        drop(Pump::start("dropped", endless(alive)));
        assert_eq!(gone.recv().await, None);
        let (alive, mut gone) = tokio::sync::mpsc::channel::<()>(1);
        assert!(!Pump::start("stubborn", endless(alive)).finish(Duration::from_secs(1)).await);
        assert_eq!(gone.recv().await, None);
    }
}
