//! The trigger: the marketer's sentence.

pub mod expression;
