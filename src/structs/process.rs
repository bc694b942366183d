//! The few calls to the operating system that the standard library lacks: limits and names of the process.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::Mutex;

/// What `ps` shows of the process, once it has a place of its own: the kernel reads it up to the first zero byte.
static TITLE: Mutex<Option<&'static mut [u8]>> = Mutex::new(None);

/// Gives the process's title a place that can be written, in the stead of the command line. To be called once, while
/// there is one thread. Whether the system allows it; else the title stays the command line.
pub fn make_title_writable() -> bool {
    const PLACE_BYTES: usize = 4096;
    /// `struct prctl_mm_map` of the kernel's interface.
    #[repr(C)]
    struct Map {
        code: [u64; 2],
        data: [u64; 2],
        brk: [u64; 2],
        stack: u64,
        args: [u64; 2],
        env: [u64; 2],
        auxv: u64,
        auxv_size: u32,
        exe_fd: u32,
    }
    const PR_SET_MM: libc::c_int = 35;
    const PR_SET_MM_MAP: libc::c_ulong = 14;
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return false };
    // The fields behind the name, which is in brackets and may hold anything; the first of them is the third.
    let Some((_, fields)) = stat.rsplit_once(')') else { return false };
    let fields: Vec<u64> = fields.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    let Ok(command_line) = std::fs::read("/proc/self/cmdline") else { return false };
    let place = vec![0; PLACE_BYTES].leak();
    let shown = command_line.len().min(PLACE_BYTES - 2);
    place[..shown].copy_from_slice(&command_line[..shown]);
    // A last byte that is not zero tells the kernel that this is a title, which ends before.
    place[PLACE_BYTES - 1] = 1;
    let start = place.as_ptr() as u64;
    let map = Map {
        code: [field(26), field(27)],
        data: [field(45), field(46)],
        // SAFETY: sbrk(0) only tells where the break is.
        brk: [field(47), unsafe { libc::sbrk(0) } as u64],
        stack: field(28),
        args: [start, start + PLACE_BYTES as u64],
        env: [field(50), field(51)],
        auxv: 0,
        auxv_size: 0,
        exe_fd: u32::MAX,
    };
    // SAFETY: the map is what the kernel has now, but for the arguments, which are memory that is never freed; the
    // kernel checks it, and changes all of it or nothing. With one thread the break cannot have moved meanwhile.
    let changed = unsafe {
        libc::prctl(PR_SET_MM, PR_SET_MM_MAP, &raw const map as libc::c_ulong, size_of::<Map>() as libc::c_ulong, 0)
    };
    if changed != 0 {
        return false;
    }
    *TITLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(place);
    true
}

/// Changes what `ps` shows of the process, where it can be changed.
pub fn set_title(title: &str) {
    if let Some(place) = &mut *TITLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        let room = place.len() - 2;
        let shown = title.len().min(room);
        place[..shown].copy_from_slice(&title.as_bytes()[..shown]);
        place[shown..=room].fill(0);
    }
}

/// Goes on in a child process with a session of its own and without terminal; the caller's process ends here. To be
/// called while there is one thread.
pub fn into_background() -> std::io::Result<()> {
    // SAFETY: with one thread the child has all of the process, and no lock is held by a thread it lacks.
    match unsafe { libc::fork() } {
        -1 => return Err(std::io::Error::last_os_error()),
        0 => {}
        _ => std::process::exit(0),
    }
    // SAFETY: setsid takes no pointers; a child leads no group, so it cannot fail.
    unsafe { libc::setsid() };
    let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&nothing);
    for standard in 0..=2 {
        // SAFETY: both are descriptors, the first open until the end of this function.
        unsafe { libc::dup2(descriptor, standard) };
    }
    Ok(())
}

/// Has `report` called, once, when the process is about to end by a signal that tells of a fault: segmentation, bus,
/// arithmetic, illegal instruction, abort. Afterwards the process ends by the same signal. The calling thread gets a
/// stack for it, so that one that ran out of its own is reported too.
pub fn on_crash(report: fn(i32)) {
    // Names for addresses are looked up with large buffers.
    const STACK_BYTES: usize = 1024 * 1024;
    const FAULTS: [libc::c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];
    static REPORT: Mutex<Option<fn(i32)>> = Mutex::new(None);
    extern "C" fn crashed(signal: libc::c_int) {
        // SAFETY: alarm takes no pointers. What the report needs may be held by the code that crashed; then the alarm
        // ends the process.
        unsafe { libc::alarm(30) };
        if let Ok(Some(report)) = REPORT.try_lock().map(|mut report| report.take()) {
            report(signal);
        }
        // SAFETY: raise takes no pointers; the handler was reset to the default when it was entered.
        unsafe { libc::raise(signal) };
    }
    if let Ok(mut held) = REPORT.lock() {
        *held = Some(report);
    }
    let stack = Box::leak(vec![0u8; STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the memory is leaked, so it is there for as long as the thread; nobody else uses it.
    unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    let handler: extern "C" fn(libc::c_int) = crashed;
    // SAFETY: sigaction is plain data, for which all zeros are valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_NODEFER | libc::SA_RESETHAND | libc::SA_ONSTACK;
    for signal in FAULTS {
        // SAFETY: the action is whole and its handler lives as long as the process; the old one is not wanted.
        unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    }
}

/// Ends the process as an access to memory that is not there does.
pub fn fault() {
    // SAFETY: raise takes no pointers.
    unsafe { libc::raise(libc::SIGSEGV) };
}

/// Stops the process until it is continued.
pub fn stop_self() {
    // SAFETY: raise takes no pointers.
    unsafe { libc::raise(libc::SIGSTOP) };
}

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

/// Has the calling thread step aside for the loop where both share a core: it gets a tenth of it while the loop is busy.
/// Only a hint: a system that refuses goes on as it was. Slices shorter than the loop's own would be to its harm: who asks
/// for little at a time is let in sooner, and so more often.
pub fn step_aside() {
    PACE.set(Some(Pace::default()));
    #[cfg(target_os = "linux")]
    {
        /// So much more than the process has.
        const NICER: i32 = 10;
        // SAFETY: takes no pointers. -1 may be an answer or an error, after which the thread is as polite as can be.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        // SAFETY: takes no pointers; here 0 is the calling thread, not its process.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, (nice + NICER).min(19)) };
    }
}

thread_local! {
    /// The steps of this thread, if it steps aside.
    static PACE: Cell<Option<Pace>> = const { Cell::new(None) };
}

/// To be called between two steps of what may take long: lets others have the core now and then if the calling thread steps
/// aside, and costs next to nothing if it does not.
///
/// A kernel that looks only at each tick of its clock whether a thread has had its share leaves a loop that became ready
/// meanwhile waiting for up to 4 ms, however small the share and the slices are.
#[inline]
pub fn breathe() {
    // A thread that is being torn down has nothing long to do.
    let _ = PACE.try_with(|slot| {
        if let Some(mut pace) = slot.get() {
            pace.step();
            slot.set(Some(pace));
        }
    });
}

#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    steps: u32,
    began_ns: u64,
}

impl Pace {
    /// How long the thread runs before it offers its core.
    const SPAN_NS: u64 = 250_000;
    /// Steps between two looks at the clock.
    const STEPS: u32 = 8;

    #[inline]
    fn step(&mut self) {
        self.steps += 1;
        if self.steps >= Self::STEPS {
            self.look();
        }
    }

    #[cold]
    fn look(&mut self) {
        self.steps = 0;
        let now_ns = monotonic_ns();
        let ran_ns = now_ns - self.began_ns;
        if ran_ns < Self::SPAN_NS {
            return;
        }
        self.began_ns = now_ns;
        // More than that is no run: others had the core anyway.
        if ran_ns < 4 * Self::SPAN_NS {
            std::thread::yield_now();
            self.began_ns = monotonic_ns();
        }
    }
}

/// The kernel's clock that never goes back, in nanoseconds.
fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid and writable. The clock exists everywhere; if not, time stands still.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
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

/// Seconds that the local time is ahead of UTC at this moment.
pub fn seconds_east(unix_seconds: i64) -> i64 {
    // SAFETY: tm is plain numbers and a pointer, for which all zeros are valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid; the environment, which may name the zone, is not changed while threads run.
    let filled = unsafe { libc::localtime_r(&(unix_seconds as libc::time_t), &mut local) };
    if filled.is_null() { 0 } else { local.tm_gmtoff as i64 }
}

/// Brings the code between two functions into memory: who runs it first then waits for no disk. Only a hint: a system that
/// does not know how goes on as it was.
pub fn fetch_code(first: usize, last: usize) {
    #[cfg(target_os = "linux")]
    {
        let page = page_bytes() as usize;
        let begin = first - first % page;
        let bytes = last.saturating_sub(begin) + page;
        // SAFETY: what is mapped there is read as a fault would, and nothing is changed; the kernel checks the addresses.
        unsafe { libc::madvise(begin as *mut libc::c_void, bytes, libc::MADV_POPULATE_READ) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (first, last);
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

/// Waits until a descriptor can be read, or has an end or an error to tell, for so many milliseconds. False: it has not.
pub fn await_readable(descriptor: i32, most_ms: i32) -> bool {
    let mut polled = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: `polled` is one valid, writable entry; poll(2) accepts any descriptor.
    unsafe { libc::poll(&raw mut polled, 1, most_ms) > 0 }
}

/// Which of these descriptors have something to be read, or have ended. Descriptors that are not open have nothing.
pub fn poll_readable(descriptors: &[i32]) -> Vec<bool> {
    let mut polled: Vec<libc::pollfd> =
        descriptors.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: `polled` is a valid, writable array of as many entries as are told; poll(2) accepts any descriptor.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
    polled.iter().map(|entry| ready > 0 && entry.revents & (libc::POLLIN | libc::POLLHUP) != 0).collect()
}
