//! An allocator that counts, so that tests can say what a piece of code costs.
//!
//! Counts are kept for each thread; other tests do not disturb them.
//!
//! ```
//! use meta_codec_test::alloc::{Counting, measure};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let (kept, usage) = measure(|| vec![0u8; 100]);
//! assert_eq!((usage.allocations, usage.kept_bytes), (1, 100));
//! # drop(kept);
//! ```

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, counting.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting;

/// What a piece of code allocated on its own thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How often it allocated or grew an allocation.
    pub allocations: u64,
    /// How many bytes it allocated in all.
    pub allocated_bytes: u64,
    /// How many bytes more are allocated than before; negative where it freed.
    pub kept_bytes: i64,
}

thread_local! {
    static TOTAL: Cell<Usage> = const {
        Cell::new(Usage { allocations: 0, allocated_bytes: 0, kept_bytes: 0 })
    };
}

/// Runs `work` and tells what it allocated; nothing, unless [`Counting`] is the
/// global allocator.
pub fn measure<R>(work: impl FnOnce() -> R) -> (R, Usage) {
    let before = TOTAL.get();
    let result = work();
    let after = TOTAL.get();
    let usage = Usage {
        allocations: after.allocations - before.allocations,
        allocated_bytes: after.allocated_bytes - before.allocated_bytes,
        kept_bytes: after.kept_bytes - before.kept_bytes,
    };
    (result, usage)
}

/// Whether [`Counting`] is the global allocator.
pub fn is_counting() -> bool {
    let (kept, usage) = measure(|| std::hint::black_box(Box::new(0u64)));
    drop(kept);
    usage.allocations > 0
}

fn record(allocated: usize, freed: usize) {
    // A thread that is ending has no counts left.
    let _ = TOTAL.try_with(|total| {
        let mut usage = total.get();
        usage.allocations += u64::from(allocated > 0);
        usage.allocated_bytes += allocated as u64;
        usage.kept_bytes += allocated as i64 - freed as i64;
        total.set(usage);
    });
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: everything is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record(layout.size(), 0);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        record(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        record(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        record(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
