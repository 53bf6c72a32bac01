//! Bytes that are kept in pieces, so that record batches go to the socket without being copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A run of bytes in pieces. Cheap to clone; as a [`Buf`] it is written with one vectored system call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Segments {
    /// No bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a piece; it is not copied.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len = self.len.saturating_add(piece.len());
            self.pieces.push_back(piece);
        }
    }

    /// Puts a piece in front.
    pub(crate) fn push_front(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len = self.len.saturating_add(piece.len());
            self.pieces.push_front(piece);
        }
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces in order.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// All bytes in one piece; copies unless there is only one.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.pieces.len() {
            0 => Bytes::new(),
            1 => self.pieces.front().cloned().unwrap_or_default(),
            _ => {
                let mut whole = Vec::with_capacity(self.len);
                self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                whole.into()
            }
        }
    }
}

impl From<Bytes> for Segments {
    fn from(piece: Bytes) -> Self {
        Self::from_iter([piece])
    }
}

impl From<Vec<Bytes>> for Segments {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self::from_iter(pieces)
    }
}

impl FromIterator<Bytes> for Segments {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut segments = Self::new();
        pieces.into_iter().for_each(|piece| segments.push(piece));
        segments
    }
}

impl Buf for Segments {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece.as_ref())
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        self.pieces.iter().zip(dst).map(|(piece, slot)| *slot = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "advance past the end");
        self.len = self.len.saturating_sub(count);
        while count > 0 {
            let Some(front) = self.pieces.front_mut() else { return };
            if count < front.len() {
                front.advance(count);
                return;
            }
            count = count.saturating_sub(front.len());
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advance_across_pieces_leaves_the_rest_in_order() {
        let mut segments =
            Segments::from(vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"def")]);
        assert_eq!(segments.len(), 6);
        segments.advance(4);
        assert_eq!(segments.to_bytes(), "ef");
        assert_eq!(segments.remaining(), 2);
    }

    #[test]
    fn vectored_chunks_are_the_pieces() {
        let segments = Segments::from(vec![Bytes::from_static(b"abc"), Bytes::from_static(b"def")]);
        let mut slots = [IoSlice::new(&[]); 4];
        assert_eq!(segments.chunks_vectored(&mut slots), 2);
        assert_eq!(&*slots[1], b"def");
    }
}
