//! What kind of frame it is.

/// A kind of frame: its magic and the newest version that the caller can read and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// First four bytes of every frame of this kind. Ours start with `VS`.
    pub magic: [u8; 4],
    /// Newest version of the body, from 1.
    pub version: u16,
}

impl Format {
    /// A kind of frame.
    #[must_use]
    pub const fn new(magic: [u8; 4], version: u16) -> Self {
        Self { magic, version }
    }
}

/// How the body is encoded. A number is never given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyCodec {
    /// A fixed layout written by hand.
    Raw,
    /// bincode 2, standard configuration (little-endian, variable-length integers).
    Bincode2,
    /// JSON text in UTF-8.
    Json,
}

impl BodyCodec {
    /// The byte in the header.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Bincode2 => 1,
            Self::Json => 2,
        }
    }

    /// The codec of a header byte; `None` where a later version wrote it.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Raw),
            1 => Some(Self::Bincode2),
            2 => Some(Self::Json),
            _ => None,
        }
    }
}
