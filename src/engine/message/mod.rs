//! What one user will read.

pub mod template;
