//! nginx with nchan, a publisher for websockets, as Debian packages it (`libnginx-mod-nchan`).

use crate::machine;
use crate::program::directory;
use crate::program::within_limit;
use std::fs;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

const NGINX: &str = "/usr/sbin/nginx";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// A running nginx; ended when dropped.
pub struct Nchan {
    child: Child,
    pub address: SocketAddr,
}

impl Nchan {
    /// `None` where it is not installed. As many workers as cores, messages in memory alone.
    pub fn start(sockets: usize) -> Option<Self> {
        if !fs::exists(NGINX).unwrap() || !fs::exists(MODULE).unwrap() {
            return None;
        }
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let dir = directory();
        let file = dir.join("nginx.conf");
        fs::write(&file, config(&dir.display().to_string(), address, sockets)).unwrap();
        let mut command = Command::new(NGINX);
        command.arg("-c").arg(&file).arg("-p").arg(&dir).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let nchan = Self { child: command.spawn().unwrap(), address };
        within_limit("nginx", || TcpStream::connect(address).ok());
        Some(nchan)
    }

    /// Of all its processes.
    pub fn cpu_time(&self) -> Duration {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().map(|pid| machine::cpu_time(pid.parse().unwrap())).sum()
    }
}

fn config(dir: &str, address: SocketAddr, sockets: usize) -> String {
    let connections = sockets + 500;
    format!(
        "load_module {MODULE};\ndaemon off;\nworker_processes auto;\nerror_log {dir}/error.log;\npid {dir}/pid;\n\
         worker_rlimit_nofile {connections};\nevents {{ worker_connections {connections}; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000;\n  client_body_temp_path {dir}/body;\n\
         proxy_temp_path {dir}/proxy;\n  fastcgi_temp_path {dir}/fastcgi;\n  uwsgi_temp_path {dir}/uwsgi;\n\
         scgi_temp_path {dir}/scgi;\n  nchan_shared_memory_size 256M;\n  server {{\n    listen {address} backlog=1024;\n\
         location ~ ^/pub/(.+)$ {{ nchan_publisher http; nchan_channel_id $1; nchan_message_buffer_length 10; }}\n\
         location ~ ^/sub/(.+)$ {{ nchan_subscriber websocket; nchan_channel_id $1; }}\n  }}\n}}\n"
    )
}

impl Drop for Nchan {
    fn drop(&mut self) {
        // Its workers end with their master when that is asked, and not when it is killed.
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}
