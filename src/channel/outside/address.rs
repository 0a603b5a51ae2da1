//! Which addresses are outside: on the public internet, or in a network the operator allows by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network such as `10.1.0.0/16` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    base: u128,
    mask: u128,
    is_v4: bool,
}

impl Net {
    /// Is the address in it? A v4 address never is in a v6 network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let (bits, is_v4) = bits(ip);
        self.is_v4 == is_v4 && bits & self.mask == self.base
    }
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write an address and the bits that count, such as 10.0.0.0/8 or fd00::/8")]
pub struct NetError(String);

impl FromStr for Net {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let error = || NetError(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(error)?;
        let ip: IpAddr = address.parse().map_err(|_| error())?;
        let length: u32 = length.parse().map_err(|_| error())?;
        let (bits, is_v4) = bits(ip);
        let width = if is_v4 { 32 } else { 128 };
        if length > width {
            return Err(error());
        }
        let mask = u128::MAX.checked_shl(width - length).unwrap_or(0);
        // A base with bits beyond the length is a slip: somebody meant another network.
        if bits & !mask != 0 {
            return Err(error());
        }
        Ok(Self {
            base: bits,
            mask,
            is_v4,
        })
    }
}

fn bits(ip: IpAddr) -> (u128, bool) {
    match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), true),
        IpAddr::V6(v6) => (v6.to_bits(), false),
    }
}

/// What keeps an address from being outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside(&'static str);

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// May a tenant's address be connected to? A v4 address in the clothes of v6 is judged as the v4 address it is.
///
/// The lists are the IANA special-purpose registries, and what clouds answer on: the metadata services stand in link-local
/// (169.254.169.254, `fd00:ec2::254`), in CGNAT (100.100.100.200) and, of all places, in public space (168.63.129.16).
pub fn judge(ip: IpAddr, allowed: &[Net]) -> Result<(), Inside> {
    let ip = ip.to_canonical();
    if allowed.iter().any(|net| net.contains(ip)) {
        return Ok(());
    }
    let inside = match ip {
        IpAddr::V4(v4) => inside_v4(v4),
        IpAddr::V6(v6) => inside_v6(v6),
    };
    inside.map_or(Ok(()), |what| Err(Inside(what)))
}

/// First address, bits that count, and what lives there.
type Row4 = ([u8; 4], u32, &'static str);

const V4: [Row4; 17] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by carriers (CGNAT)"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([168, 63, 129, 16], 32, "a cloud's metadata service"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "for protocol assignments"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 88, 99, 0], 24, "a 6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
    ([255, 255, 255, 255], 32, "broadcast"),
];

fn inside_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let holds = |(base, length, _): &&Row4| {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        ip.to_bits() & mask == u32::from_be_bytes(*base)
    };
    V4.iter().find(holds).map(|(.., what)| *what)
}

/// First address, bits that count, and what lives there.
type Row6 = ([u16; 8], u32, &'static str);

const V6: [Row6; 5] = [
    (
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        "for protocol assignments (Teredo, ORCHID, benchmarks)",
    ),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4: a v4 address may hide in it"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
    // Names for what is outside of 2000::/3 as well, so that the message helps.
    (
        [0x64, 0xff9b, 0, 0, 0, 0, 0, 0],
        32,
        "NAT64: a v4 address may hide in it",
    ),
];

/// Only `2000::/3` is handed out to networks of the internet: loopback, ULA, link-local, site-local, multicast, v4-compatible,
/// NAT64, discard-only and segment routing (`5f00::/16`) are all outside of it.
fn inside_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let holds = |(base, length, _): &&Row6| {
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        ip.to_bits() & mask == Ipv6Addr::from(*base).to_bits()
    };
    let named = V6.iter().find(holds).map(|(.., what)| *what);
    let is_global = ip.segments()[0] >> 13 == 1;
    named.or_else(|| (!is_global).then_some("not on the public internet"))
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
