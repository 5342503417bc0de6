//! Sockets that have nothing to say: how fast they come, and what each costs the daemon and the kernel; beside a bare
//! websocket server in a process of its own.

use crate::machine;
use crate::program::Program;
use crate::program::directory;
use crate::program::within_limit;
use crate::socket::runtime;
use crate::socket::visitors;
use crate::table::Table;
use crate::table::aimed;
use crate::table::number;
use crate::table::rate;
use deskgate::clock::instant;
use futures_util::SinkExt;
use futures_util::StreamExt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// What a socket may cost the daemon, without the kernel's part.
const SOCKET_KIB_MAX: f64 = 10.0;
/// After the start, and after the last socket came.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// Octets of the daemon's welcome to a new visitor, about.
const WELCOME_BYTES: usize = 700;

/// What so many sockets were to one server.
struct Crowd {
    per_s: f64,
    each_kib: f64,
    /// Of the kernel, for both ends.
    kernel_kib: f64,
    cpu_us: f64,
}

pub fn measure(sockets: usize) {
    eprintln!("idle: {sockets} sockets");
    let daemon = Program::start_in(directory(), &format!("[limits]\nsockets_max = {sockets}\n"));
    let ours = runtime().block_on(crowd(daemon.address("http"), daemon.pid(), sockets, || {
        assert_eq!(daemon.metric("sockets_open", ""), u64::try_from(sockets).unwrap(), "every socket is open");
    }));
    drop(daemon);
    let server = BareServer::start();
    let bare = runtime().block_on(crowd(server.address, server.child.id(), sockets, || {}));
    drop(server);
    let columns =
        ["server", "sockets/s until welcomed", "CPU µs each", "resident, KiB each", "kernel, both ends, KiB each"];
    let mut table = Table::new(&columns);
    let row = |name: &str, crowd: &Crowd, each: String| {
        let (per_s, cpu) = (format!("{:.0}", crowd.per_s), format!("{:.0}", crowd.cpu_us));
        [name.to_owned(), per_s, cpu, each, format!("{:.1}", crowd.kernel_kib)]
    };
    table.row(row("deskgate", &ours, aimed(ours.each_kib, SOCKET_KIB_MAX, "")));
    table.row(row("bare websocket server", &bare, format!("{:.1}", bare.each_kib)));
    table.print(&format!("Idle: {sockets} sockets"));
}

async fn crowd(to: SocketAddr, pid: u32, sockets: usize, check: impl FnOnce()) -> Crowd {
    tokio::time::sleep(SETTLED_AFTER).await;
    let (before_kib, kernel_before_kib) = (machine::resident_kib(pid), machine::kernel_kib());
    let cpu_before = machine::cpu_time(pid);
    let begun = instant();
    let connected = visitors(to, 0..sockets).await;
    let took = begun.elapsed();
    let cpu = machine::cpu_time(pid).saturating_sub(cpu_before);
    let mut idling = JoinSet::new();
    connected.into_iter().for_each(|socket| drop(idling.spawn(socket.idle())));
    tokio::time::sleep(SETTLED_AFTER).await;
    assert!(idling.try_join_next().is_none(), "every socket stays open");
    check();
    let each_kib =
        |now: u64, before: u64| f64::from(u32::try_from(now.saturating_sub(before)).unwrap()) / number(sockets);
    Crowd {
        per_s: rate(sockets, took),
        each_kib: each_kib(machine::resident_kib(pid), before_kib),
        kernel_kib: each_kib(machine::kernel_kib(), kernel_before_kib),
        cpu_us: cpu.as_secs_f64() * 1e6 / number(sockets),
    }
}

/// A websocket server that answers each text with a frame as long as a welcome; killed when dropped.
pub struct BareServer {
    child: Child,
    pub address: SocketAddr,
}

impl BareServer {
    pub fn start() -> Self {
        let file = directory().join("address");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--bench").arg("--bare-server").arg(&file).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let address = within_limit("the bare server's address", || fs::read_to_string(&file).ok()?.parse().ok());
        Self { child, address }
    }

    pub fn cpu_time(&self) -> Duration {
        machine::cpu_time(self.child.id())
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Is the bare server: writes its address into the file, and serves until it is killed.
pub fn serve_bare(file: &Path) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        fs::write(file, listener.local_addr().unwrap().to_string()).unwrap();
        let welcome = Utf8Bytes::from(format!(r#"{{"type":"welcome","pad":"{}"}}"#, "x".repeat(WELCOME_BYTES)));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream, welcome.clone()));
        }
    })
}

/// With buffers as small as the daemon's.
async fn answer(stream: TcpStream, welcome: Utf8Bytes) {
    stream.set_nodelay(true).unwrap();
    let config = WebSocketConfig::default().read_buffer_size(1_024).write_buffer_size(2_048);
    let Ok(mut socket) = accept_async_with_config(stream, Some(config)).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(Message::Text(welcome.clone())).await.is_err() {
            return;
        }
    }
}
