//! The meta-proxy program: the library with the protocols of this repository.

use std::process::ExitCode;

use meta_proxy::{
    MemoryUse,
    cli::{self, Options},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = Options::default().on_rest(give_memory_back).memory(memory);
    cli::main_with(options, |registry| {
        registry.codec(codec_dubbo::Dubbo)?;
        registry.codec(codec_thrift::Thrift)?;
        Ok(())
    })
}

/// Lets the system have what the calling thread has freed. The allocator does so
/// only while the thread allocates, that is, not at rest.
#[expect(unsafe_code, reason = "the allocator's interface is C")]
fn give_memory_back() {
    // SAFETY: no allocation is under way on this thread, and the others' are
    // theirs.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// What the allocator has of the system. What of it is in use it does not count.
#[expect(unsafe_code, reason = "the allocator's interface is C")]
fn memory() -> MemoryUse {
    let mut committed = 0;
    let null = std::ptr::null_mut;
    // SAFETY: of the numbers asked for one is wanted, and the pointer is to one.
    unsafe {
        libmimalloc_sys::mi_process_info(
            null(),
            null(),
            null(),
            null(),
            null(),
            &raw mut committed,
            null(),
            null(),
        );
    }
    let mut known = MemoryUse::new();
    known.heap_bytes = (committed > 0).then_some(committed as u64);
    known
}
