//! The checkpoint model of velostream and its frozen, versioned encodings.
