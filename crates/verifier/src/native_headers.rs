//! The headers of a record, byte for byte.
//!
//! Kafka's protocol says that a header's name is a string, but brokers store whatever bytes a producer sent. The
//! `rdkafka` crate panics on a name that is not UTF-8, so this file asks librdkafka itself. It is the only file of the
//! workspace with unsafe code.
#![allow(unsafe_code, reason = "the rdkafka crate has no safe way to a header name that is not UTF-8")]

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use rdkafka::bindings::{
    rd_kafka_header_cnt, rd_kafka_header_get, rd_kafka_header_get_all, rd_kafka_headers_t,
    rd_kafka_message_headers,
};
use rdkafka::error::{IsError as _, KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

/// Different names of one record up to which [`NativeHeaders::are_names_whole`] looks: the look takes their square.
const MAX_NAMES: usize = 1_000;

/// The headers that librdkafka holds for a message, for as long as the message is borrowed.
pub(crate) struct NativeHeaders<'a> {
    headers: NonNull<rd_kafka_headers_t>,
    count: usize,
    message: PhantomData<&'a mut ()>,
}

impl<'a> NativeHeaders<'a> {
    /// Of a message; `None` if it has no headers.
    ///
    /// The borrow is exclusive because librdkafka decodes the headers into the message at the first call.
    ///
    /// # Errors
    /// [`KafkaError::MessageConsumption`] where the bytes of the headers cannot be decoded.
    pub(crate) fn of(message: &'a mut BorrowedMessage<'_>) -> Result<Option<Self>, KafkaError> {
        let mut headers = ptr::null_mut();
        // SAFETY: `ptr` is the live message that `message` owns, no other thread is at it while it is borrowed
        // exclusively, and `headers` is a place for one pointer.
        let code = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) };
        match RDKafkaErrorCode::from(code) {
            RDKafkaErrorCode::NoEnt => return Ok(None),
            error if code.is_error() => return Err(KafkaError::MessageConsumption(error)),
            _ => {}
        }
        Ok(NonNull::new(headers).map(|headers| {
            // SAFETY: librdkafka gave out a list of headers, which the message owns and which lives as long.
            let count = unsafe { rd_kafka_header_cnt(headers.as_ptr()) };
            Self { headers, count, message: PhantomData }
        }))
    }

    /// Name (up to its first zero byte, see [`NativeHeaders::are_names_whole`]) and value of each header, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a CStr, Option<&'a [u8]>)> {
        (0..self.count).filter_map(|at| self.at(at))
    }

    /// True if each name of [`NativeHeaders::iter`] is all of the name. False if a name holds a zero byte, for
    /// librdkafka gives out no name's length, and if there are too many different names to find out.
    pub(crate) fn are_names_whole(&self) -> bool {
        let mut names: Vec<&CStr> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        // A search by name compares lengths too: it finds the last of equal names only where all of them are whole.
        let groups = || names.chunk_by(|one, other| one == other);
        groups().count() <= MAX_NAMES
            && groups().all(|same| same.first().is_some_and(|name| self.has(name, same.len() - 1)))
    }

    fn at(&self, at: usize) -> Option<(&'a CStr, Option<&'a [u8]>)> {
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: `headers` lives as long as `'a`, and the other pointers are places for what they are given.
        let code = unsafe {
            rd_kafka_header_get_all(self.headers.as_ptr(), at, &raw mut name, &raw mut value, &raw mut length)
        };
        if code.is_error() || name.is_null() {
            return None;
        }
        // SAFETY: librdkafka ends every name with a zero byte; it belongs to the message and nobody writes to it.
        let name = unsafe { CStr::from_ptr(name) };
        let value = (!value.is_null()).then(|| {
            // SAFETY: librdkafka says that `length` bytes stand at `value`; they belong to the message too.
            unsafe { slice::from_raw_parts(value.cast::<u8>(), length) }
        });
        Some((name, value))
    }

    /// True if more than `before` headers have exactly this name.
    fn has(&self, name: &CStr, before: usize) -> bool {
        let (mut value, mut length) = (ptr::null(), 0);
        // SAFETY: as in `at`; the name is a string that ends with a zero byte.
        let code = unsafe {
            rd_kafka_header_get(self.headers.as_ptr(), before, name.as_ptr(), &raw mut value, &raw mut length)
        };
        !code.is_error()
    }
}
