//! How the process gives memory back.

/// Blocks of this size and more go back to the system as soon as they are freed.
const LARGE_BYTES: libc::c_int = 1 << 20;

/// Called once, before there are threads.
///
/// glibc raises this threshold by itself to the size of what was freed last: after a password was checked (argon2 takes 19 MiB for a
/// moment), the next such block would come from the heap and stay there for the life of the process. A threshold that was set is left
/// alone. mimalloc was tried instead: it begins with 16 MiB more.
#[cfg_attr(
    target_env = "gnu",
    expect(unsafe_code, reason = "mallopt has no safe wrapper")
)]
pub fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only changes the allocator's own settings; nothing else runs yet. A refusal changes nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}
