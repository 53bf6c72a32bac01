//! Sizes in bytes with a unit: `64KiB`, `8MiB`. Never a bare number.

use std::fmt;
use std::str::FromStr as _;

use bytesize::ByteSize;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

pub(crate) const REMEDY: &str = "write a number with a unit: 64KiB, 8MiB, 1GiB";

pub(crate) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    text(*bytes).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(SizeVisitor)
}

/// As it is written in a job file: in the largest unit that is exact.
pub(crate) fn text(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in units {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        let has_unit = text.chars().any(|c| c.is_ascii_alphabetic());
        match ByteSize::from_str(text) {
            Ok(size) if has_unit => Ok(size.as_u64()),
            Ok(_) => Err(E::custom(format!("a size needs its unit\n{REMEDY}"))),
            Err(_) => Err(E::custom(format!("not a size\n{REMEDY}"))),
        }
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<u64, E> {
        Err(E::custom(format!("a size needs its unit\n{REMEDY}")))
    }
}

/// A check that the size lies between two bounds, both allowed.
pub(crate) fn within(min: u64, max: u64) -> impl Fn(&u64, &()) -> garde::Result {
    move |value, ()| {
        if (min..=max).contains(value) {
            return Ok(());
        }
        Err(garde::Error::new(format!("out of range\nwrite a size from {} to {}", text(min), text(max))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_size_reads_back_as_the_same_size() {
        for bytes in [0, 1, 1023, 1024, 1025, 8 << 20, 3 << 30, (8 << 20) + 512, u64::from(u32::MAX)] {
            let parsed: Result<u64, serde::de::value::Error> = SizeVisitor.visit_str(&text(bytes));
            assert_eq!(parsed.unwrap(), bytes, "{}", text(bytes));
        }
        assert_eq!(text(8 << 20), "8MiB");
    }
}
