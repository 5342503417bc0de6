//! What the system says of a process and of itself, from `/proc`.

use deskgate::clock::Clock;
use std::fs;
use std::process::Command;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

/// Clock ticks of `/proc/PID/stat` in a second, on every Linux.
const TICKS_PER_S: u64 = 100;

/// CPU time that a process used so far, in user and kernel mode.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field is the program's name in brackets and may hold spaces; utime and stime are the 14th and 15th.
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_S)
}

/// CPU time that the programs used that this process ran and waited for.
pub fn cpu_time_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(13).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_S)
}

/// CPU time that this thread used so far, as finely as the system counts it.
pub fn thread_cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the kernel holds in its own structures, in KiB: sockets, their queues, descriptors, and all else that it keeps.
pub fn kernel_kib() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap();
    let line = memory.lines().find_map(|line| line.strip_prefix("Slab:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Descriptors this process and the daemon may each have open.
pub fn descriptors_max() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(u64::MAX)
}

/// Runs this program anew with the soft limit raised to the hard one; children inherit it.
pub fn again_with_more_descriptors() -> ExitCode {
    let raise = r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@" --raised"#;
    let program = std::env::current_exe().unwrap();
    let status = Command::new("sh").args(["-c", raise]).arg(program).args(std::env::args_os().skip(1)).status();
    if status.unwrap().success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Date, cores and load: what a reader of the figures has to know.
pub fn described() -> String {
    let now = i64::try_from(Clock::default().now().0).unwrap();
    let today = jiff::Timestamp::from_millisecond(now).unwrap().strftime("%F");
    let cores = available_parallelism().unwrap();
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let load = load.split(' ').next().unwrap();
    format!("{today}, deskgate {}, {cores} cores, load before the run {load}", env!("CARGO_PKG_VERSION"))
}
