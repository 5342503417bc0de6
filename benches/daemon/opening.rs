//! What the widget weighs, and how long its first opening takes on a page that has nothing of it.

use crate::http_client;
use crate::program::Program;
use crate::program::directory;
use crate::table::Table;
use crate::table::aimed;
use crate::table::median;
use crate::table::number;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const CHROMIUM: &str = "/usr/bin/chromium";
const LOADER_KIB_MAX: f64 = 5.0;
const WIDGET_KIB_MAX: f64 = 40.0;
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// Boots the messenger and opens it. `ready` is what the frame says when its scripts run, `visitor` what it says when it
/// was welcomed; the second picture after that one shows it.
const PAGE: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title></head><body><h1>Shop</h1>
<script>
let ready;
addEventListener('message', (event) => {
  if (event.data?.deskgate === 'ready') ready = performance.now();
  if (event.data?.deskgate === 'visitor') requestAnimationFrame(() => requestAnimationFrame(() => {
    fetch(`/told?${ready}&${performance.now()}`);
  }));
});
window.Deskgate = window.Deskgate || function () { (Deskgate.q = Deskgate.q || []).push(arguments); };
Deskgate('boot', {});
Deskgate('show');
</script><script async src="DESK/widget.js"></script></body></html>"#;

pub fn measure(rounds: usize) {
    eprintln!("opening: the widget on a cold page, {rounds} times");
    let daemon = Program::start();
    let to = daemon.address("http");
    let mut table = Table::new(&["compressed", "KiB"]);
    table.row(["loader".to_owned(), aimed(weight(to, "/widget.js"), LOADER_KIB_MAX, "")]);
    let files = files_of_frame(to);
    let whole = weight(to, "/widget/frame") + files.iter().map(|file| weight(to, file)).sum::<f64>();
    let name = format!("frame, its page and {} files, without the texts of other languages", files.len());
    table.row([name, aimed(whole, WIDGET_KIB_MAX, "")]);
    table.print("Widget: size");
    let mut table = Table::new(&["first opening, from the page's navigation", "ms, median"]);
    match openings(to, rounds) {
        Some((ready, shown)) => {
            table.row(["the frame's scripts run".to_owned(), format!("{ready:.0}")]);
            table.row(["it is welcomed, and what it shows is painted".to_owned(), format!("{shown:.0}")]);
        }
        None => table.row(["chromium is not installed".to_owned(), String::new()]),
    }
    table.print("Widget: first opening, in Chromium with nothing cached");
}

/// What is sent for one path, in KiB.
fn weight(to: SocketAddr, path: &str) -> f64 {
    let reply = http_client::call(to, "GET", path, &[("Accept-Encoding", "gzip")], None);
    assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")), "{path}");
    number(reply.body.len()) / 1_024.0
}

/// Every file that the frame's page names.
fn files_of_frame(to: SocketAddr) -> Vec<String> {
    let page = http_client::call(to, "GET", "/widget/frame", &[], None).text();
    let named = page.split(['"', '\'']).filter(|it| it.ends_with(".js") || it.ends_with(".css"));
    let mut files: Vec<String> = named.map(|file| format!("/widget/{file}")).collect();
    files.sort();
    files.dedup();
    assert!(files.len() > 5, "{page}");
    files
}

/// Milliseconds until the frame's scripts ran and until it was painted, in browsers that have seen nothing before.
fn openings(desk: SocketAddr, rounds: usize) -> Option<(f64, f64)> {
    if !fs::exists(CHROMIUM).unwrap() {
        return None;
    }
    let (page, told) = serve_page(desk);
    let (mut ready, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let browser = Browser::open(&format!("http://{page}/"));
        let (ran, painted) = told.recv_timeout(SHOWN_WITHIN).expect("the widget opens");
        drop(browser);
        ready.push(ran);
        shown.push(painted);
    }
    Some((median(ready), median(shown)))
}

/// The shop's page, on an origin of its own; what it tells.
fn serve_page(desk: SocketAddr) -> (SocketAddr, mpsc::Receiver<(f64, f64)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    let page = PAGE.replace("DESK", &format!("http://{desk}"));
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if reader.read_line(&mut line).is_err() {
                continue;
            }
            let path = line.split(' ').nth(1).unwrap_or_default();
            if let Some((ready, shown)) = path.strip_prefix("/told?").and_then(|it| it.split_once('&')) {
                tell.send((ready.parse().unwrap(), shown.parse().unwrap())).ok();
            }
            let body = if path == "/" { page.as_str() } else { "" };
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
            // A browser that was closed reads no answer.
            write!(stream, "{head} {}\r\n\r\n{body}", body.len()).ok();
        }
    });
    (address, told)
}

/// A browser without a past; ended when dropped.
struct Browser {
    child: Child,
}

impl Browser {
    fn open(url: &str) -> Self {
        let profile = format!("--user-data-dir={}", directory().display());
        let mut command = Command::new(CHROMIUM);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]);
        command.args(["--remote-debugging-port=0", &profile, url]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap() }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}
