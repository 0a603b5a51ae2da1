//! Usher notices the moment and says the right thing; this is the map of its modules.

pub mod engine {
    //! Everything that decides, and nothing that touches the outside world.
    pub mod fence;
}
