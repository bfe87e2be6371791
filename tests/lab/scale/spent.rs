//! What a process has used of the machine, as Linux counts it.

use std::fs;
use std::io;
use std::time::Duration;

/// Processor time and memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Processor time of all its threads since it began.
    pub cpu: Duration,
    /// The most memory that it had at a time (resident set), in KiB.
    pub peak: u64,
}

impl Spent {
    /// What the process `id` has used until now.
    ///
    /// # Errors
    /// When it is gone, or this is no Linux.
    pub fn by(id: u32) -> io::Result<Self> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread that has ended in between counts no more; the functions have one.
            if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
                nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
            }
        }
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let peak = peak.and_then(|text| text.trim().parse().ok()).ok_or_else(|| io::Error::other("no VmHWM"))?;
        Ok(Self { cpu: Duration::from_nanos(nanoseconds), peak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let spent = Spent::by(std::process::id()).unwrap();
        assert!(spent.cpu > Duration::ZERO && spent.peak > 1000, "{spent:?}");
        Spent::by(u32::MAX).unwrap_err();
    }
}
