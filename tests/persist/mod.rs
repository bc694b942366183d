//! Files: what servers leave on the disk, and the tools that read it.

mod tools;
