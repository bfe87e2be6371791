//! What the kernel knows of a process.

use std::fs;
use std::time::Duration;

/// CPU time of all living threads of a process; zero when it is gone. To the nanosecond, where `/proc/PID/stat` counts
/// in hundredths of a second.
pub(crate) fn cpu(pid: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let of_thread = |path: std::path::PathBuf| -> Option<u64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(threads.flatten().filter_map(|entry| of_thread(entry.path())).sum())
}

/// The most memory that a process ever had resident, in KiB; zero when it is gone.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or_default()
}
