//! The wire format: request parser and reply writer.
