//! The `larder` binary: command line in, exit code out.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: larder::structs::alloc::CountingAllocator = larder::structs::alloc::CountingAllocator;

fn main() -> ExitCode {
    larder::server::start::main()
}
