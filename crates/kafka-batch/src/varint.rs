//! Variable-length integers as records use them: zigzag, seven bits a byte, least significant first (KIP-98).

/// Why a number cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The bytes end inside it.
    Truncated,
    /// It does not fit 64 bits.
    Overlong,
}

/// Reads one number; returns it with the bytes that it took.
pub(crate) fn decode(bytes: &[u8]) -> Result<(i64, usize), Bad> {
    let mut raw = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if at == 9 && bits > 1 {
            return Err(Bad::Overlong);
        }
        raw |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((unzigzag(raw), at + 1));
        }
    }
    Err(if bytes.len() < 10 { Bad::Truncated } else { Bad::Overlong })
}

/// Appends one number.
pub(crate) fn encode(value: i64, to: &mut Vec<u8>) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        to.push((raw & 0x7f) as u8 | 0x80);
        raw >>= 7;
    }
    to.push((raw & 0x7f) as u8);
}

/// Bytes that [`encode`] appends for a number.
pub(crate) fn len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_numbers_have_the_bytes_that_kafka_writes() {
        // ByteUtilsTest of Kafka, testVarintSerde and testVarlongSerde.
        let cases: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, bytes) in cases {
            let mut written = Vec::new();
            encode(value, &mut written);
            assert_eq!(written, bytes, "{value}");
            assert_eq!(decode(bytes), Ok((value, bytes.len())));
        }
    }

    #[test]
    fn number_of_more_than_64_bits_is_refused() {
        assert_eq!(decode(&[0xff; 11]), Err(Bad::Overlong));
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), Err(Bad::Overlong));
        assert_eq!(decode(&[0xff; 9]), Err(Bad::Truncated));
        assert_eq!(decode(&[]), Err(Bad::Truncated));
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_the_number(value in any::<i64>(), shift in 0..64_u32) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            encode(value, &mut bytes);
            prop_assert_eq!(bytes.len(), len(value));
            prop_assert_eq!(decode(&bytes), Ok((value, bytes.len())));
        }
    }
}
