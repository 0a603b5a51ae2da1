//! `usher openapi`: the description of the API as this binary serves it.

use super::out::{Failure, Out};
use crate::api;

pub(super) fn run(out: Out) -> Result<(), Failure> {
    out.line(api::openapi_yaml().trim_end())
}
