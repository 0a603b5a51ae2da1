//! `usher bench`: load on a server, and the workload that it and `cargo bench` share.

pub mod workload;
