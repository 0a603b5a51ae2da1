//! stub
use super::out::{Failure, Out};
use crate::app::Effective;
#[derive(Debug, clap::Args)]
pub(super) struct DemoArguments { #[arg(long)] open: bool }
pub(super) async fn run(_a: DemoArguments, _e: Effective, _out: Out) -> Result<(), Failure> { Ok(()) }
