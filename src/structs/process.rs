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

/// Has the calling thread step aside for the loop where both share a core: it gets a tenth of it while the loop is busy,
/// and in slices so short that the loop, when there is something to do, waits no longer for it than it would for its
/// turn. Only a hint: a system that knows no slices of a thread's own, or refuses, goes on as it was.
pub fn step_aside() {
    #[cfg(target_os = "linux")]
    {
        const NICE: i32 = 10;
        const SLICE_NS: u64 = 100_000;
        #[repr(C)]
        struct Attributes {
            size: u32,
            policy: u32,
            flags: u64,
            nice: i32,
            priority: u32,
            runtime_ns: u64,
            deadline_ns: u64,
            period_ns: u64,
        }
        let attributes = Attributes {
            size: size_of::<Attributes>() as u32,
            policy: libc::SCHED_OTHER as u32,
            flags: 0,
            nice: NICE,
            priority: 0,
            runtime_ns: SLICE_NS,
            deadline_ns: 0,
            period_ns: 0,
        };
        // SAFETY: the structure is laid out as the system call wants it, of the size it says, and outlives the call;
        // thread 0 is the calling one.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
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
