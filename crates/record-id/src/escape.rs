//! Percent escapes: bytes as a text without separators, one spelling each.

use std::fmt::Write;

/// Appends `bytes`; everything but letters, digits, `.`, `_` and `-` becomes `%XX` (RFC 3986, upper case).
pub(crate) fn escape_into(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else if write!(text, "%{byte:02X}").is_err() {
            // Writing to a String cannot fail.
        }
    }
}

/// The bytes of an escaped text; `None` where it is not spelt as [`escape_into`] spells it.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        rest = more;
        if is_plain(first) {
            bytes.push(first);
            continue;
        }
        let (&[high, low], more) = rest.split_first_chunk::<2>()?;
        let byte = nibble(high)? << 4 | nibble(low)?;
        if first != b'%' || is_plain(byte) {
            return None;
        }
        bytes.push(byte);
        rest = more;
    }
    Some(bytes)
}

/// As [`unescape`], for what must be UTF-8.
pub(crate) fn unescape_text(text: &str) -> Option<String> {
    String::from_utf8(unescape(text)?).ok()
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_and_needs_no_separator() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        escape_into(&mut text, &all);
        assert!(!text.contains(['/', '&', '=', '~', '!', ':']));
        assert_eq!(unescape(&text), Some(all));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["%2f", "%41", "%4", "%", "/", "a b"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }
}
