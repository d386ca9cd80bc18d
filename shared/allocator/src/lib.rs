//! What the allocator of glibc keeps of memory that is given back to it.
//!
//! It keeps what may be needed again, in several heaps, and the more of it the longer a process lives: a function that
//! converted `lineitem` three times took 148, 172 and 187 MiB, and takes 119 with limits. Lambda counts all of it.
//!
//! Limits are to be set before there is a second thread. See `mallopt(3)`.

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Heaps that threads share: eight for each processor, unless limited.
    Heaps,
    /// Bytes at the end of a heap that are kept. Limited, [`Limit::Unmapped`] no longer grows with what is given back.
    Kept,
    /// Bytes of the largest piece that comes from a heap (128 KiB at first); what is larger is mapped by itself, and
    /// goes back at once.
    Unmapped,
}

/// The limits of a function, which works on one file after another, with so many heaps.
///
/// With the 128 KiB that glibc maps pieces from, once it is told what to keep, a conversion took 18 % more CPU.
pub const fn of_function(heaps: i32) -> [(Limit, i32); 3] {
    [(Limit::Heaps, heaps), (Limit::Kept, 4 << 20), (Limit::Unmapped, 1 << 20)]
}

/// Sets limits. Where one is refused, or the allocator is not glibc's, all stays as it was.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no safe way to ask for it")]
pub fn limit(limits: &[(Limit, i32)]) {
    for (limit, value) in limits {
        let parameter = match limit {
            Limit::Heaps => libc::M_ARENA_MAX,
            Limit::Kept => libc::M_TRIM_THRESHOLD,
            Limit::Unmapped => libc::M_MMAP_THRESHOLD,
        };
        // SAFETY: this sets a number, which the allocator checks.
        unsafe { libc::mallopt(parameter, *value) };
    }
}

/// Other allocators are left to themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn limit(_: &[(Limit, i32)]) {}
