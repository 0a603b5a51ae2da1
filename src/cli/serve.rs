//! `usher serve`: the server until it is told to stop.

use super::out::{Failure, Out};
use crate::app::{AppError, Effective, Running};
use crate::telemetry::log;

pub(super) fn log_errors(error: &log::LogError) -> Failure {
    AppError::new(error.to_string(), "correct log.level (USHER__LOG__LEVEL)").into()
}

pub(super) async fn run(effective: Effective, out: Out) -> Result<(), Failure> {
    log::install(&effective.settings.log).map_err(|error| log_errors(&error))?;
    let mut running = Running::start(&effective.settings).await?;
    // A supervisor that does not read this must not end the server.
    let _ = out.line(&format!("listening on http://{}", running.address));
    let store = running.pipeline.store();
    if store.projects().await.is_ok_and(|projects| projects.is_empty()) {
        let _ = out.line("there is no project yet; make one with its first key: usher keys create --project NAME --kind secret --scopes all");
    }
    running.until_told().await;
    running.stop().await;
    Ok(())
}
