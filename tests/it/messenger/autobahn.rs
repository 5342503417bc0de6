//! The public conformance suite of websockets, Autobahn's, against an echo made of what every socket here is made of: its limits, its
//! way to write, its ends.
//!
//! Left out are cases of binary messages (1.2), which are refused here whatever they hold, of messages above 64 KiB (9),
//! which end with 1009, and of compression (12, 13), which is not offered.

use crate::support::sdk;
use crate::support::setting;
use deskgate::channel::messenger::close::End;
use deskgate::channel::messenger::wire;
use futures_util::StreamExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::Message;

const CASES: [&str; 8] = ["1.1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];
const CASES_COUNT: usize = 239;
const WITHIN: Duration = Duration::from_secs(10);

async fn echo(socket: &mut WebSocketStream<TcpStream>) -> End {
    loop {
        let text = match socket.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(_)) | None => return End::Gone,
            Some(Err(error)) => return wire::end_of(&error),
        };
        if let Err(end) = wire::write(socket, [text], WITHIN).await {
            return end;
        }
    }
}

async fn serve(listener: TcpListener) {
    loop {
        let (io, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut socket = accept_async_with_config(io, Some(wire::config())).await.unwrap();
            let end = echo(&mut socket).await;
            wire::close(socket, end, WITHIN).await;
        });
    }
}

/// Jython with the suite; `None` where either is not installed, unless peers are required.
fn suite() -> Option<Command> {
    let modules = sdk::packages().join("autobahn/modules");
    sdk::installed(&modules.join("autobahntestsuite"))?;
    sdk::installed(Path::new("/usr/bin/jython"))?;
    let mut jython = Command::new("jython");
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/autobahn/run.py");
    jython.arg(run).env("MODULES", modules);
    Some(jython)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_autobahns_cases_find_nothing_wrong() {
    let Some(mut jython) = suite() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    let echo = tokio::spawn(serve(listener));
    // For one case that failed: AUTOBAHN_CASES=6.4.1
    let named = setting::setting("AUTOBAHN_CASES");
    let cases: Vec<&str> = named.as_deref().map_or(CASES.to_vec(), |named| named.split(' ').collect());
    jython.arg(address).args(&cases);
    let done = tokio::task::spawn_blocking(move || jython.output().unwrap()).await.unwrap();
    echo.abort();
    let said = String::from_utf8_lossy(&done.stdout);
    let told: Vec<&str> = said.lines().filter(|line| !line.starts_with("Running test case")).collect();
    println!("{}", told.join("\n"));
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(told.last(), Some(&"done"), "{said}");
    assert!(!told.iter().any(|line| line.starts_with("FAILED")), "{}", told.join("\n"));
    let count = told.iter().find_map(|line| line.strip_suffix(" cases")?.parse::<usize>().ok()).unwrap();
    assert!(named.is_some() || count == CASES_COUNT, "{count} cases");
}
