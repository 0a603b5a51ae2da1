//! The binary: everything it does is in the library.

use std::process::ExitCode;

/// Requests allocate on one thread and free on another, where the system's allocator is slow and keeps what it once had.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    usher::cli::main()
}
