//! The `larder` binary: command line in, exit code out.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: larder::structs::alloc::CountingAllocator = larder::structs::alloc::CountingAllocator;

fn main() -> ExitCode {
    let argv: Vec<_> = std::env::args_os().collect();
    larder::tools::run(&argv).unwrap_or_else(larder::server::start::main)
}
