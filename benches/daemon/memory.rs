//! Memory of the daemon: idle, and per idle socket.

use crate::program::Program;
use crate::socket::runtime;
use crate::socket::visitors;
use crate::table::Table;
use crate::table::aimed;
use crate::table::number;
use std::time::Duration;
use tokio::task::JoinSet;

const IDLE_MIB_MAX: f64 = 40.0;
const SOCKET_KIB_MAX: f64 = 15.0;
/// After the start, and after the last socket came.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

pub fn measure(sockets: usize) {
    eprintln!("memory: {sockets} and {} idle sockets", sockets * 5);
    let daemon = Program::start();
    std::thread::sleep(SETTLED_AFTER);
    let idle_kib = kib(&daemon);
    let mut table = Table::new(&["state", "resident, MiB", "per socket, KiB"]);
    table.row(["idle".to_owned(), aimed(idle_kib / 1_024.0, IDLE_MIB_MAX, ""), String::new()]);
    runtime().block_on(async {
        let mut idling = JoinSet::new();
        for count in [sockets, sockets * 5] {
            let more = visitors(daemon.address("http"), idling.len()..count).await;
            more.into_iter().for_each(|socket| drop(idling.spawn(socket.idle())));
            tokio::time::sleep(SETTLED_AFTER).await;
            let open = usize::try_from(daemon.metric("sockets_open", "")).unwrap();
            assert_eq!((open, idling.len()), (count, count), "every socket is open");
            let resident_kib = kib(&daemon);
            let each = aimed((resident_kib - idle_kib) / number(count), SOCKET_KIB_MAX, "");
            table.row([format!("{count} idle sockets"), format!("{:.1}", resident_kib / 1_024.0), each]);
        }
    });
    table.print("Memory of the daemon");
}

fn kib(daemon: &Program) -> f64 {
    number(usize::try_from(daemon.resident_kib()).unwrap())
}
