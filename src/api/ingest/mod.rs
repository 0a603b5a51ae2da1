//! What phones with an app from the store send, put into Usher's words: Overland, `OwnTracks`, Traccar Client and `OsmAnd`.

pub mod osmand;
pub mod overland;
pub mod owntracks;
pub mod parsed;
pub mod reading;
