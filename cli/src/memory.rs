//! What the allocator does with memory that is given back.

/// Bytes at the end of the heap that are kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 1 << 20;

/// Has the allocator of glibc hand memory back to the system early.
///
/// It keeps what it may need again, for each thread, and the more of it the longer a program runs: a file of 10 GB took
/// 20 MiB more than one of 1 GB. With a limit set, it also stops raising the size from which on memory is mapped by
/// itself (`mallopt(3)`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no safe way to ask for it")]
pub(crate) fn hand_back_early() {
    // SAFETY: this sets a number, and there is no other thread yet. Where it is refused, all is as it was.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT) };
}

/// Other allocators are left to themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn hand_back_early() {}
