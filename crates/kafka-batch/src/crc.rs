//! CRC-32C of a batch whose header changed and whose body did not.

/// Castagnoli polynomial, bits reflected (RFC 3720, appendix B.4).
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `SHIFT[i]` is x^(8 * 2^i) modulo the polynomial: what 2^i zero bytes do to a checksum.
const SHIFT: [u32; 32] = shift_table();

/// The checksum after the covered header bytes changed, from the checksums of the old and the new header bytes.
///
/// A CRC is linear: crc(h|b) = crc(h) * x^(8 * len(b)) xor crc(b). So the body's part of the stored checksum is kept
/// as it is, and a body that does not match its stored checksum does not match the new one either: damage between
/// verification and this call is seen by the next reader instead of being signed anew.
pub(crate) fn with_new_header(stored: u32, old: u32, new: u32, body_len: usize) -> u32 {
    let mut shifted = old ^ new;
    let mut len = body_len;
    for factor in SHIFT {
        if len & 1 == 1 {
            shifted = multiply(factor, shifted);
        }
        len >>= 1;
    }
    stored ^ shifted
}

/// Product of two polynomials modulo the CRC's; bit 31 is x^0.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        if a & (1 << bit) != 0 {
            product ^= b;
        }
        b = if b & 1 != 0 { (b >> 1) ^ POLYNOMIAL } else { b >> 1 };
    }
    product
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn shift_table() -> [u32; 32] {
    let mut table = [0; 32];
    table[0] = 1 << (31 - 8);
    let mut i = 1;
    while i < 32 {
        table[i] = multiply(table[i - 1], table[i - 1]);
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn checksum_after_a_header_change_equals_the_one_over_all_bytes(
            old in prop::array::uniform32(any::<u8>()),
            new in prop::array::uniform32(any::<u8>()),
            body in prop::collection::vec(any::<u8>(), 0..5000),
        ) {
            let stored = crc32c::crc32c(&[&old[..], &body].concat());
            let expected = crc32c::crc32c(&[&new[..], &body].concat());
            let (old, new) = (crc32c::crc32c(&old), crc32c::crc32c(&new));
            prop_assert_eq!(with_new_header(stored, old, new, body.len()), expected);
        }
    }

    #[test]
    fn checksum_of_a_megabyte_body_equals_the_one_over_all_bytes() {
        let body = vec![7_u8; (1 << 20) + 12_345];
        let (old, new) = ([1_u8; 40], [2_u8; 40]);
        let stored = crc32c::crc32c(&[&old[..], &body].concat());
        let expected = crc32c::crc32c(&[&new[..], &body].concat());
        let (old, new) = (crc32c::crc32c(&old), crc32c::crc32c(&new));
        assert_eq!(with_new_header(stored, old, new, body.len()), expected);
    }
}
