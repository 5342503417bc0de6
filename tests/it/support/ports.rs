//! Ports that a process may have again after its death.

use std::fs;
use std::net::TcpListener;

/// Below the range from which the system gives ports to those who ask for any, so that no other test gets them between
/// two lives of a process; free at this moment.
pub(crate) fn unassigned() -> impl Iterator<Item = u16> {
    const FIRST: u16 = 12_000;
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest_given = range.split_whitespace().next().and_then(|text| text.parse::<u16>().ok()).unwrap_or(32_768);
    let count = u32::from(lowest_given.saturating_sub(FIRST).max(1_000));
    // Runs beside each other begin at different places.
    let start = std::process::id().wrapping_mul(7_919).wrapping_add(turn().wrapping_mul(97));
    let ports = (0..count).map(move |n| FIRST + u16::try_from(start.wrapping_add(n) % count).unwrap());
    ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

/// How often it was asked before.
fn turn() -> u32 {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    static TURNS: AtomicU32 = AtomicU32::new(0);
    TURNS.fetch_add(1, Ordering::Relaxed)
}
