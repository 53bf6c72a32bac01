//! Embedded conditional store on redb.
