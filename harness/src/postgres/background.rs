//! Work on files that goes on while a server is used already.

use std::io;

use tokio::sync::watch;

use super::Error;

/// Work that any number of others may wait for.
#[derive(Debug, Clone)]
pub(super) struct Background {
    failure: &'static str,
    ended: watch::Receiver<Option<Result<(), String>>>,
}

impl Background {
    /// Begins it; `failure` is what to say when it fails.
    pub(super) fn of(
        failure: &'static str,
        work: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> Self {
        let (sender, ended) = watch::channel(None);
        tokio::spawn(async move {
            sender.send_replace(Some(work.await.map_err(|error| error.to_string())));
        });
        Self { failure, ended }
    }

    /// Nothing is to be done.
    pub(super) fn none() -> Self {
        Self { failure: "", ended: watch::channel(Some(Ok(()))).1 }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has failed.
    pub(super) async fn end(&self) -> Result<(), Error> {
        let mut ended = self.ended.clone();
        let ended = match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ended)) => ended.clone().map_err(io::Error::other),
            _ => Err(io::Error::other("it panicked")),
        };
        ended.map_err(Error::system(self.failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_is_told_how_it_ended() {
        assert!(Background::none().end().await.is_ok());
        let failing = Background::of("no copy", async { Err(io::Error::other("no room")) });
        for waiting in [failing.clone(), failing] {
            assert_eq!(waiting.end().await.unwrap_err().to_string(), "no copy: no room");
        }
    }
}
