//! The disk fills up under the real program (P4, OPS-8): it refuses, says so, and goes on by itself when there is room.

use crate::messenger::client::Client;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::raw_mail::Session;
use crate::support::setting;
use serde_json::json;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use tokio_tungstenite::connect_async;

const FROM: &str = "bob@example.net";
const MIB: usize = 1 << 20;

/// A small file system of its own; goes away with this value.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` without the right to mount, unless `DESKGATE_TEST_PEERS=required` and this is root.
    fn mount(mebibytes: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        let why = match mounted {
            Ok(done) if done.status.success() => return Some(Self { dir }),
            Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
        assert!(!(is_root && setting::peers_required()), "no small disk: {why}");
        println!("not run: no right to mount a small disk: {why}");
        None
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Fills it until only so much is free, step by step: the program may write meanwhile.
    fn fill(&self, left_bytes: usize) {
        let mut ballast = File::create(self.dir.path().join("ballast")).unwrap();
        loop {
            let free = usize::try_from(deskgate::store::durable::free_bytes(self.dir.path()).unwrap()).unwrap();
            let step = free.saturating_sub(left_bytes).min(MIB);
            if step == 0 || ballast.write_all(&vec![b'x'; step]).is_err() {
                break;
            }
        }
    }

    fn empty(&self) {
        fs::remove_file(self.dir.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.dir.path()).status());
    }
}

/// A mail of about so many bytes that no compression makes small.
fn big(n: u32, bytes: usize) -> Vec<u8> {
    let mut state = u64::from(n) + 1;
    let mut noise = String::new();
    while noise.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push_str(&format!("{state:016x}\r\n"));
    }
    let id = format!("big{n}@example.net");
    format!("From: {FROM}\r\nTo: {SUPPORT}\r\nSubject: Big\r\nMessage-ID: <{id}>\r\n\r\n{noise}").into_bytes()
}

fn send(gateway: &Gateway, n: u32, bytes: usize) -> String {
    let mut session = Session::open(gateway.address("lmtp"), "LHLO").unwrap();
    session.mail(FROM, SUPPORT, &big(n, bytes)).unwrap()
}

/// Sends until it is refused; what was accepted before, and the refusal.
fn send_until_refused(gateway: &Gateway, first: u32, bytes: usize) -> (Vec<u32>, String) {
    let mut accepted = Vec::new();
    for n in first..first + 2_000 {
        let reply = send(gateway, n, bytes);
        if !reply.starts_with("250") {
            return (accepted, reply);
        }
        accepted.push(n);
    }
    panic!("it never filled");
}

fn all_are_there(gateway: &Gateway, accepted: &[u32]) {
    for n in accepted {
        let trace = gateway.cli(&["trace", &format!("big{n}@example.net")]);
        assert_eq!(trace.matches(": part ").count(), 1, "mail {n}: {trace}");
    }
}

/// Every channel refuses, and readiness says why.
fn refuses_everywhere(gateway: &mut Gateway, n: u32) {
    eventually("not ready", || (gateway.ops("/readyz").status == 503).then_some(()));
    assert_eq!(gateway.ops("/readyz").json()["reasons"][0], "out of storage space");
    assert_eq!(gateway.ops("/healthz").status, 200, "it lives");
    let reply = send(gateway, n, 3_000);
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    let listed = gateway.api("GET", "/api/conversations", None);
    assert_eq!(listed.status, 200, "reading goes on");
}

#[test]
fn p4_near_the_end_of_the_disk_mail_is_452_and_comes_back_by_itself() {
    let Some(disk) = SmallDisk::mount(96) else { return };
    let plan = Plan::default().data_dir(&disk.data()).set("limits.disk_reserve_bytes", &(16 * MIB).to_string());
    let mut gateway = plan.expect_log("out of storage space").expect_log("search index waits").start();
    gateway.token();
    assert!(send(&gateway, 1, 3_000).starts_with("250"));
    disk.fill(18 * MIB);
    let (mut accepted, refusal) = send_until_refused(&gateway, 2, MIB);
    assert!(refusal.starts_with("452 4.3.1"), "{refusal}");
    refuses_everywhere(&mut gateway, 5_000);
    disk.empty();
    eventually("ready again", || (gateway.ops("/readyz").status == 200).then_some(()));
    assert!(send(&gateway, 6_000, 3_000).starts_with("250"));
    accepted.extend([1, 6_000]);
    all_are_there(&gateway, &accepted);
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_with_no_byte_left_nothing_is_accepted_or_lost_on_any_channel() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    // Without a reserve the disk itself refuses.
    let plan = Plan::default().data_dir(&disk.data()).set("limits.disk_reserve_bytes", "0");
    let plan = plan.expect_log("storage space").expect_log("opened again after an error");
    let mut gateway = plan.expect_log("search index waits").expect_log("the mark of a message").start();
    gateway.token();
    assert!(send(&gateway, 1, 3_000).starts_with("250"));
    let (socket, _) = connect_async(format!("ws://{}/messenger/ws", gateway.address("http"))).await.unwrap();
    let mut tab = Client { socket };
    tab.hello(json!({}), None).await;
    let conversation = tab.post("before", None, "Hello").await["conversation_id"].clone();
    let path = format!("/api/conversations/{}/reply", conversation.as_str().unwrap());
    let answer = |n: u32| {
        let body = format!("Answer {n} {}", "word ".repeat(1_500));
        json!({"message_type": "comment", "type": "admin", "body": body})
    };
    disk.fill(0);
    let (mut accepted, refusal) = send_until_refused(&gateway, 2, 20_000);
    assert!(refusal.starts_with("452 4.3.1"), "{refusal}");
    // The store may have had room left within its file; small things fill that.
    let mut answers = 0;
    let refused = loop {
        let reply = gateway.api("POST", &path, Some(&answer(answers)));
        if reply.status != 200 {
            break reply;
        }
        answers += 1;
        assert!(answers < 2_000, "the store never filled");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["code"], "service_unavailable");
    let body = "words ".repeat(1_500);
    tab.say(json!({"type": "send", "client_id": "full", "conversation_id": conversation, "body": body})).await;
    let error = tab.frame_of("error").await;
    assert_eq!((&error["code"], &error["client_id"]), (&json!("service_unavailable"), &json!("full")), "{error}");
    refuses_everywhere(&mut gateway, 5_000);

    disk.empty();
    eventually("ready again", || (gateway.ops("/readyz").status == 200).then_some(()));
    assert!(send(&gateway, 6_000, 3_000).starts_with("250"));
    tab.say(json!({"type": "send", "client_id": "full", "conversation_id": conversation, "body": body})).await;
    assert_eq!(tab.frame_of("ack").await["client_id"], "full");
    gateway.api("POST", &path, Some(&answer(9_999))).expect(200);
    accepted.extend([1, 6_000]);
    all_are_there(&gateway, &accepted);
    drop(tab);
    gateway.kill();
    gateway.up();
    all_are_there(&gateway, &accepted);
    gateway.finish();
}

#[test]
fn trap_0_11_a_limit_on_the_size_of_files_refuses_and_does_not_kill() {
    if !Path::new("/usr/bin/prlimit").exists() {
        assert!(!setting::peers_required(), "prlimit is missing");
        println!("not run: prlimit is not installed");
        return;
    }
    let gateway = Plan::default()
        .expect_log("File too large")
        .expect_log("storage space")
        .expect_log("store is faulty")
        .expect_log("worker waits")
        .expect_log("search index waits")
        .expect_log("opened again after an error")
        .start();
    let limit = |soft: &str| {
        let limit = format!("--fsize={soft}:unlimited");
        let set = Command::new("prlimit").args(["--pid", &gateway.pid().to_string(), &limit]).status().unwrap();
        assert!(set.success());
    };
    assert!(send(&gateway, 1, 3_000).starts_with("250"));
    limit("65536");
    let refusal = send(&gateway, 2, 300_000);
    assert!(refusal.starts_with('4'), "{refusal}");
    let (mut accepted, refusal) = send_until_refused(&gateway, 3, 40_000);
    assert!(refusal.starts_with('4'), "{refusal}");
    assert_eq!(gateway.ops("/healthz").status, 200, "it lives");
    limit("unlimited");
    let after = eventually("it takes mail again", || {
        let reply = send(&gateway, 6_000, 300_000);
        reply.starts_with("250").then_some(6_000)
    });
    eventually("ready again", || (gateway.ops("/readyz").status == 200).then_some(()));
    accepted.extend([1, after]);
    all_are_there(&gateway, &accepted);
    gateway.finish();
}
