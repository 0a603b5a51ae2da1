//! The integration tests, in one binary: the whole Usher over HTTP.

mod bad_input;
mod bad_places;
mod bad_texts;
mod caller;
mod clients;
mod delivery;
mod isolation;
mod kill;
mod process;
mod server;
mod tracks;
