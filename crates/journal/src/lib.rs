//! Ordered bytes, at least once: memory, spool files and Kafka behind one enum, and numbered values in a folder.

pub mod versions;
