//! RELIABILITY.md C2: a small body that would become a huge one is refused while it unfolds, and takes no memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::process::Process;
use reqwest::Method;

const GZIPPED_JSON: [(&str, &str); 2] = [("content-type", "application/json"), ("content-encoding", "gzip")];

const MIB: u64 = 1024 * 1024;

/// A gzip stream of zeros: one fixed Huffman block of matches that each repeat 258 bytes (RFC 1951, 3.2.6).
fn gzip_bomb(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut held, mut count) = (0_u64, 0);
    let mut push = |out: &mut Vec<u8>, bits: u64, width: u32| {
        held |= bits << count;
        count += width;
        while count >= 8 {
            out.push((held & 0xff) as u8);
            held >>= 8;
            count -= 8;
        }
    };
    // Last block, fixed codes; the literal 0 is 00110000, written from its highest bit.
    push(&mut out, 0b011, 3);
    push(&mut out, u64::from(0b0011_0000_u8.reverse_bits()), 8);
    for _ in 0..bytes / 258 {
        // Length 258 is code 285 (11000101), distance 1 is code 0 in five bits.
        push(&mut out, u64::from(0b1100_0101_u8.reverse_bits()), 8);
        push(&mut out, 0, 5);
    }
    push(&mut out, 0, 16);
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c2_a_compressed_bomb_is_refused_and_takes_no_memory() {
    let bomb = gzip_bomb(400 * 1024 * 1024);
    assert!(bomb.len() < 3_000_000);
    let process = Process::start_fresh().await;
    let keys = process.keys("bombs").await;
    let business = process.caller.with(&keys.secret);
    business.get("/v1/project").await.ok();
    // A body may hold 2 MiB by right and an import 32; the rest is what a process takes as it warms up.
    for (path, mib_most) in [("/v1/events", 48), ("/v1/geofences", 48), ("/v1/geofences/import", 64)] {
        let before = process.memory_peak_bytes();
        for _ in 0..3 {
            let answer = business.send(Method::POST, path, &GZIPPED_JSON, bomb.clone()).await;
            answer.refused(413, "body_too_large");
        }
        let grown = process.memory_peak_bytes().saturating_sub(before);
        assert!(grown < mib_most * MIB, "{path}: grew by {grown} bytes");
    }
    business.get("/v1/project").await.ok();
}
