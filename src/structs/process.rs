//! The few calls to the operating system that the standard library lacks: limits and names of the process.
#![allow(unsafe_code)]

/// Raises the limit of open files to `wanted` if it is lower and the system allows; returns the limit now in force.
pub fn raise_open_files(wanted: u64) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, writable rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return None;
    }
    if limit.rlim_cur >= wanted {
        return Some(limit.rlim_cur);
    }
    let mut raised = libc::rlimit { rlim_cur: wanted, rlim_max: limit.rlim_max.max(wanted) };
    // SAFETY: `raised` is a valid rlimit; raising the hard limit may be refused, which is answered below.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
        return Some(wanted);
    }
    raised.rlim_cur = limit.rlim_max.min(wanted);
    raised.rlim_max = limit.rlim_max;
    // SAFETY: as above.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
        Some(raised.rlim_cur)
    } else {
        Some(limit.rlim_cur)
    }
}

/// Name and release of the system and the machine's kind, as INFO's `os`.
pub fn system_name() -> String {
    // SAFETY: utsname is plain bytes, for which all zeros are valid.
    let mut name: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `name` is valid and writable.
    if unsafe { libc::uname(&mut name) } != 0 {
        return String::new();
    }
    let text = |field: &[libc::c_char]| -> String {
        field.iter().take_while(|&&c| c != 0).map(|&c| c as u8 as char).collect()
    };
    format!("{} {} {}", text(&name.sysname), text(&name.release), text(&name.machine))
}

/// Physical memory in bytes.
pub fn total_memory() -> u64 {
    // SAFETY: sysconf takes no pointers.
    let (pages, page_bytes) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    (pages.max(0) as u64) * (page_bytes.max(0) as u64)
}

/// Bytes of a page of memory.
pub fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointers.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(0) as u64
}

/// CPU seconds of the process, in the kernel and outside it.
pub fn cpu_seconds() -> (f64, f64) {
    seconds_of(libc::RUSAGE_SELF)
}

/// CPU seconds of the calling thread, in the kernel and outside it.
pub fn thread_cpu_seconds() -> (f64, f64) {
    seconds_of(libc::RUSAGE_THREAD)
}

fn seconds_of(who: libc::c_int) -> (f64, f64) {
    // SAFETY: rusage is plain numbers, for which all zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid and writable.
    if unsafe { libc::getrusage(who, &mut usage) } != 0 {
        return (0.0, 0.0);
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_stime), seconds(usage.ru_utime))
}

/// Which of these descriptors have something to be read, or have ended. Descriptors that are not open have nothing.
pub fn poll_readable(descriptors: &[i32]) -> Vec<bool> {
    let mut polled: Vec<libc::pollfd> =
        descriptors.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: `polled` is a valid, writable array of as many entries as are told; poll(2) accepts any descriptor.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
    polled.iter().map(|entry| ready > 0 && entry.revents & (libc::POLLIN | libc::POLLHUP) != 0).collect()
}
