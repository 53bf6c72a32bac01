//! StateStore semantics, written once, over any conditional store.
