//! The command line.

pub mod paint;
pub mod walk;
pub fn main() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
