//! Kafka record batches as bytes: header view and rewrite, record reader and writer, compression, CRC-32C.
