//! Pieces come back in their order, however many cores there are.

use super::shared_out;

#[test]
fn pieces_come_back_in_their_order() {
    for count in [0_u64, 1, 64, 65, 1_001] {
        let pieces: Vec<u64> = (0..count).collect();
        let doubled: Vec<u64> = pieces.iter().map(|piece| piece * 2).collect();
        assert_eq!(shared_out(&pieces, |piece| piece * 2), doubled);
    }
}
