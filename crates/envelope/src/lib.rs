//! A small self-checking frame around bytes that are written once and read by a later process, or a later version.
//!
//! Layer 1, on `velostream-core` alone. Checkpoints, store roots, id chunks, progress records and file manifests are
//! bodies; this crate knows nothing about what is inside.
//!
//! Contract:
//! 1. The header layout is frozen: every version of this crate can tell whether a frame is ours, whole, intact and
//!    new enough, whatever its body is.
//! 2. [`decode`] never panics, copies nothing and allocates nothing; the body is a slice of its input.
//! 3. A frame is only reported as [`Error::NewerVersion`] after its checksum was found right, so that a flipped bit is
//!    never mistaken for a later release.
//!
//! ```
//! use velostream_envelope::{decode, encode, BodyCodec, Format};
//!
//! const MANIFEST: Format = Format::new(*b"VSxm", 1);
//! let bytes = encode(MANIFEST, BodyCodec::Raw, b"body")?;
//! let frame = decode(MANIFEST, &bytes, 1024)?;
//! assert_eq!((frame.version, frame.body), (1, &b"body"[..]));
//! # Ok::<(), velostream_envelope::Error>(())
//! ```
//!
//! [`entry`] is a smaller frame for the same end: what a state store keeps beside each value.
//!
//! It does not encrypt, compress or authenticate: CRC-32C finds damage, not an attacker.

pub mod entry;
mod error;
mod format;
mod frame;

pub use error::{Error, Result};
pub use format::{BodyCodec, Format};
pub use frame::{Frame, HEADER_BYTES, decode, encode};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
