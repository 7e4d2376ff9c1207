//! CPU time and memory of processes, as the operating system counts them. Only known on Linux.

use std::time::Duration;

/// The processor time that a process has used so far, its ended threads included. `None`: not known here, or there is
/// no such process.
pub(crate) fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = ticks(&stat)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second)))
}

/// The most memory that a process has had resident so far, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// User and system time from the text of `/proc/PID/stat`. The command's name may hold anything, spaces too, but it
/// ends at the last closing parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commands_name_may_look_like_anything() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 700 50 0 0 20 0 1 0";
        assert_eq!(ticks(&format!("12 (a) b (c) {rest}")), Some(750));
        assert_eq!(ticks("12 (a"), None);
        assert_eq!(ticks("12 (a) S 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_time_and_memory() {
        let pid = std::process::id();
        let begun = processor_time(pid).unwrap();
        while processor_time(pid).unwrap() == begun {}
        assert!(peak_memory(pid).unwrap() > 100_000);
        assert_eq!(processor_time(u32::MAX), None);
    }
}
