//! The checksum of streams and payloads: CRC-64 with Jones's polynomial, reflected, beginning at 0.

use crc_fast::{CrcAlgorithm, Digest};

/// The checksum of what had the checksum `before` with `bytes` appended. O(n), by carry-less multiplication where the
/// processor has it.
pub fn crc64(before: u64, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, before);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_redis_computes() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(0, b""), 0);
    }

    #[test]
    fn a_checksum_may_be_taken_in_parts() {
        let bytes: Vec<u8> = (0..5_000u32).map(|n| ((n * n) >> 3) as u8).collect();
        let whole = crc64(0, &bytes);
        for cut in [0, 1, 7, 8, 100, 255, 256, 257, 4_999, 5_000] {
            assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), whole, "{cut}");
        }
    }
}
