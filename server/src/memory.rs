//! How the process gives memory back.

use std::time::Duration;

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

/// Starting is over by then, and whoever looked at a page has seen it.
const SETTLED: Duration = Duration::from_secs(3);
const EVERY: Duration = Duration::from_secs(300);

/// Lets go of the program's own code and constants from time to time.
///
/// Starting runs through most of the program once, and the kernel maps what lies around each place as well: 20 MiB, of which a console
/// that waits needs a tenth. The pages stay in the system's cache, so that what is needed again costs a page fault, not a read.
pub async fn stay_small() {
    let mut wait = SETTLED;
    loop {
        tokio::time::sleep(wait).await;
        wait = EVERY;
        let_go_of_code();
    }
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "dl_iterate_phdr and madvise have no safe wrapper"
)]
fn let_go_of_code() {
    /// Called for each loaded object, the program itself first; ends the walk there.
    unsafe extern "C" fn first(
        about: *mut libc::dl_phdr_info,
        _size: usize,
        _data: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader hands over a valid description of a loaded object and its headers for the time of the call.
        let (base, headers) = unsafe {
            let about = &*about;
            let headers = std::slice::from_raw_parts(about.dlpi_phdr, about.dlpi_phnum.into());
            (about.dlpi_addr as usize, headers)
        };
        for header in headers {
            if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
                continue;
            }
            let begin = (base + header.p_vaddr as usize) & !0xfff;
            let end = base + header.p_vaddr as usize + header.p_memsz as usize;
            // SAFETY: the range is a mapping of the program's file that nothing can write to, so each page can be read from it again. A
            // refusal changes nothing.
            unsafe {
                libc::madvise(begin as *mut libc::c_void, end - begin, libc::MADV_DONTNEED);
            }
        }
        1
    }
    // SAFETY: the callback only reads what it is given.
    unsafe {
        libc::dl_iterate_phdr(Some(first), std::ptr::null_mut());
    }
}

#[cfg(not(target_os = "linux"))]
fn let_go_of_code() {}
