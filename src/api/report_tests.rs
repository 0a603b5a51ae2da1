//! Reports of providers over sockets.
