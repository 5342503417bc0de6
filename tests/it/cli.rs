//! The program from outside: start, commands, drain, death, backup.

use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::http_client;
use crate::support::smtp_client::Client;
use crate::support::smtp_client::mail;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn ops_6_health_readiness_and_metrics_are_served() {
    let gateway = Gateway::start();
    assert_eq!(gateway.ops("/healthz").text(), "ok\n");
    let ready = gateway.ops("/readyz").expect(200);
    assert_eq!(ready["ready"], true, "{ready}");
    let reply = gateway.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", "1@example.net", "Hello"));
    assert!(reply.starts_with("250"), "{reply}");
    let metrics = gateway.ops("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.text().contains("deskgate_intake_total{channel=\"lmtp\",result=\"new_conversation\"} 1"));
    gateway.finish();
}

#[test]
fn ops_7_commands_ask_the_daemon_or_open_the_store() {
    let mut gateway = Plan::default().prepare();
    gateway.cli(&["agent", "add", "ana@example.com", "--name", "Ana", "--role", "admin"]);
    assert!(gateway.cli(&["status"]).starts_with("daemon      not running"));
    gateway.up();
    assert!(gateway.cli(&["status"]).starts_with("daemon      ready"));
    let token = gateway.cli(&["token", "create", "--agent", "ana@example.com", "--scope", "read_tickets"]);
    assert!(token.starts_with("dg_") && token.trim_end().lines().count() == 1, "printed alone: {token:?}");
    gateway.cli(&["token", "create", "--agent", "ana@example.com", "--days", "2"]);
    let tokens = gateway.cli_json(&["token", "list"]);
    assert_eq!(tokens[0]["scopes"][0], "read_tickets");
    let lasts = |token: &Value| token["expires_at"].as_u64().map(|at| at - token["created_at"].as_u64().unwrap());
    assert_eq!([&tokens[0], &tokens[1]].map(lasts), [None, Some(2 * 86_400)]);
    assert!(!tokens.to_string().contains(token.trim()));
    gateway.cli(&["token", "revoke", &tokens[0]["id"].to_string()]);
    assert_eq!(gateway.cli_json(&["token", "list"])[0]["revoked"], true);
    assert_eq!(gateway.cli_json(&["agent", "disable", "ana@example.com"])[0]["disabled"], true);
    gateway.finish();
}

#[test]
fn refusals_have_their_exit_codes() {
    let gateway = Gateway::start();
    let ends = |arguments: &[&str], code: i32, words: &str| {
        let output = gateway.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    };
    ends(&["no-such-command"], 2, "unrecognized subcommand");
    ends(&["agent", "add", "nobody", "--name", "N"], 2, "is not an email address");
    ends(&["token", "create", "--agent", "no@example.com"], 1, "no agent has the address no@example.com");
    ends(&["agent", "disable", "no@example.com"], 1, "no agent has the address no@example.com");
    ends(&["queue", "show", "1"], 1, "not found");
    ends(&["mailbox", "test", "none"], 2, "no mailbox is named \"none\"; the configuration has no [[mailbox]]");
    ends(&["trace", "no@example.com"], 1, "nothing is known of");
    ends(&["--json", "trace", "no@example.com"], 1, "nothing is known of");
    ends(&["serve"], 75, "another process uses");
    ends(&["restore", "nothing"], 2, "--data DIR");
    gateway.finish();
}

#[test]
fn fault_94_a_store_that_cannot_be_read_is_left_alone() {
    let gateway = Plan::default().prepare();
    fs::create_dir(gateway.data_dir()).unwrap();
    let store = gateway.data_dir().join("store.redb");
    for content in [&b""[..], b"another program's file, long enough to look like something at all"] {
        fs::write(&store, content).unwrap();
        for arguments in [&["serve"][..], &["status"]] {
            let output = gateway.run(arguments);
            assert_eq!(output.status.code(), Some(79), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(fs::read(&store).unwrap(), content);
        }
    }
    fs::remove_file(&store).unwrap();
}

#[test]
fn p22_a_directory_without_a_store_is_not_found_sound() {
    let gateway = Plan::default().prepare();
    for command in
        [&["verify"][..], &["status"], &["compact"], &["queue", "list"], &["token", "list"], &["agent", "list"]]
    {
        let output = gateway.run(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(79), "{command:?}: {errors}");
        assert!(errors.contains("no store at") && errors.contains("store.redb"), "{command:?}: {errors}");
        assert!(!gateway.data_dir().exists(), "{command:?} made something");
    }
}

#[test]
fn p22_a_store_that_went_missing_is_not_begun_anew_beside_its_mails() {
    let mut gateway = Gateway::start();
    let reply = gateway.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", "1@example.net", "Hello"));
    assert!(reply.starts_with("250"), "{reply}");
    gateway.kill();
    let (store, aside) = (gateway.data_dir().join("store.redb"), gateway.dir().join("aside"));
    fs::rename(&store, &aside).unwrap();
    for command in [&["serve"][..], &["agent", "add", "ana@example.com", "--name", "Ana"]] {
        let output = gateway.run(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(79), "{command:?}: {errors}");
        assert!(errors.contains("store.redb is missing"), "{command:?}: {errors}");
        assert!(!store.exists(), "{command:?} began anew");
    }
    fs::rename(&aside, &store).unwrap();
    gateway.up();
    assert!(gateway.cli(&["trace", "1@example.net"]).contains("part "));
    gateway.finish();
}

#[test]
fn p22_a_killed_daemon_is_ready_again_with_everything() {
    let mut gateway = Gateway::start();
    for n in 0..5 {
        let id = format!("{n}@example.net");
        let reply = gateway.smtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", &id, "Hello"));
        assert!(reply.starts_with("250"), "{reply}");
        gateway.kill();
        gateway.up();
        assert!(gateway.cli(&["trace", &id]).contains("part "), "mail {n} is there");
    }
    gateway.finish();
}

#[test]
fn p23_a_drain_answers_who_is_there_and_ends_with_0() {
    let mut gateway = Gateway::start();
    let mut idle = Client::connect(gateway.address("smtp"));
    let mut sending = Client::connect(gateway.address("smtp"));
    for line in ["EHLO c.example", "MAIL FROM:<bob@example.net>", "RCPT TO:<support@example.com>", "DATA"] {
        sending.say(line);
    }
    gateway.signal("TERM");
    let farewell = idle.reply();
    assert!(farewell.starts_with("421"), "{farewell}");
    let reply = sending.text(&mail("bob@example.net", "Late", "late@example.net", "Hello"));
    assert!(reply.starts_with("250"), "{reply}");
    drop((idle, sending));
    assert!(gateway.wait_end().success());
    assert!(!gateway.data_dir().join("run/addresses.json").exists());
    assert!(gateway.cli(&["trace", "late@example.net"]).contains("part "));
    gateway.finish();
}

#[test]
fn p25_a_reload_takes_what_is_sound_and_keeps_the_rest() {
    let mut gateway = Plan::default().toml("[templates]\ndir = \"templates\"\n").prepare();
    let subject = gateway.dir().join("templates/email/agent_reply/subject.hbs");
    fs::create_dir_all(subject.parent().unwrap()).unwrap();
    gateway.up();
    fs::write(&subject, "{{#if").unwrap();
    gateway.expect_log("reload refused");
    gateway.signal("HUP");
    let refused = gateway.wait_log("reload refused");
    let why = refused["why"].as_str().unwrap();
    assert!(why.starts_with("templates kept as they were: email/agent_reply/subject.hbs:1"), "{why}");
    fs::write(&subject, "Hello").unwrap();
    gateway.signal("HUP");
    gateway.wait_log("templates and log level are reloaded");
    gateway.finish();

    let broken = Plan::default().toml("[templates]\ndir = \"templates\"\n").prepare();
    fs::create_dir_all(broken.dir().join("templates/email/agent_reply")).unwrap();
    fs::write(broken.dir().join("templates/email/agent_reply/subject.hbs"), "{{nobody}}").unwrap();
    let output = broken.run(&["serve"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{errors}");
    assert!(errors.contains("template email/agent_reply/subject.hbs:1"), "{errors}");
}

#[test]
fn p24_a_backup_under_work_restores_and_verifies() {
    let gateway = Gateway::start();
    let send = |n: u32| {
        let id = format!("{n}@example.net");
        let reply = gateway.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", &id, "Hello"));
        assert!(reply.starts_with("250"), "{reply}");
    };
    (0..5).for_each(send);
    let file = gateway.dir().join("desk.backup");
    let path = file.to_str().unwrap();
    std::thread::scope(|scope| {
        let working = scope.spawn(|| (5..25).for_each(send));
        gateway.cli(&["backup", path]);
        working.join().unwrap();
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(gateway.run(&["backup", path]).status.code(), Some(2), "never over another file");
    let to = gateway.dir().join("restored");
    let to = to.to_str().unwrap();
    let restored = gateway.cli_json(&["--data", to, "restore", path]);
    assert_eq!(restored["faults"], serde_json::json!([]));
    assert!(gateway.cli(&["--data", to, "trace", "4@example.net"]).contains("part "));
    gateway.cli(&["--data", to, "verify"]);
    gateway.finish();
}

#[test]
fn eml_15_an_import_started_again_adds_nothing() {
    let gateway = Gateway::start();
    let mbox = gateway.dir().join("old.mbox");
    let from = "From bob@example.net Mon Jan  5 10:00:00 2026\n";
    let mails: Vec<String> =
        (0..3).map(|n| mail("bob@example.net", &format!("Old {n}"), &format!("old{n}@example.net"), "Text")).collect();
    fs::write(&mbox, mails.iter().map(|mail| format!("{from}{mail}\n")).collect::<String>()).unwrap();
    let eml = gateway.dir().join("one.eml");
    fs::write(&eml, mail("bob@example.net", "One", "one@example.net", "Text")).unwrap();
    let import = |kind: &str, path: &std::path::Path| {
        gateway.cli_json(&["import", kind, path.to_str().unwrap(), "--support", SUPPORT])
    };
    assert_eq!(import("mbox", &mbox)["results"], serde_json::json!({ "new_conversation": 3 }));
    assert_eq!(import("mbox", &mbox)["results"], serde_json::json!({ "duplicate": 3 }));
    assert_eq!(import("eml", &eml)["results"], serde_json::json!({ "new_conversation": 1 }));
    assert_eq!(import("eml", &eml)["results"], serde_json::json!({ "duplicate": 1 }));
    let mistyped = gateway.run(&["import", "eml", eml.to_str().unwrap(), "--support", "suport@example.com"]);
    let said = String::from_utf8_lossy(&mistyped.stderr).into_owned();
    assert_eq!(mistyped.status.code(), Some(2), "{said}");
    assert!(said.contains("suport@example.com is no [[support]] address; there are support@example.com"), "{said}");
    gateway.finish();
}

#[test]
fn dat_7_what_is_past_its_keeping_is_said_before_it_goes() {
    let gateway = Plan::default().toml("[retention]\nraw_mail_bytes_max = 1\n").start();
    gateway.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", "1@example.net", "Hello"));
    let due = gateway.cli_json(&["retention"]);
    assert_eq!((&due[0]["what"], &due[0]["count"]), (&serde_json::json!("raw_mail"), &serde_json::json!(1)), "{due}");
    assert!(gateway.cli(&["retention"]).contains("closed_conversations"));
    gateway.finish();
}

#[test]
fn a_password_comes_by_standard_input_alone() {
    let gateway = Gateway::start();
    let arguments = ["agent", "add", "ben@example.com", "--name", "Ben", "--password-stdin"];
    let mut child = gateway.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(gateway.cli_json(&["agent", "list"])[0]["email"], "ben@example.com");
    gateway.finish();
}

#[test]
fn i18_2_a_reload_with_a_broken_text_keeps_the_old_ones_and_says_where() {
    let mut gateway = Plan::default().toml("[templates]\ndir = \"templates\"\n").prepare();
    let german = gateway.dir().join("templates/locales/de.ftl");
    fs::create_dir_all(german.parent().unwrap()).unwrap();
    fs::write(&german, "greeting = Servus { $name },\n").unwrap();
    gateway.up();
    let said = |gateway: &mut Gateway| {
        let shown = gateway.api("GET", "/api/templates/ticket_state_changed/preview?locale=de", None).expect(200);
        shown["text"].as_str().unwrap().lines().next().unwrap().to_owned()
    };
    let old = said(&mut gateway);
    assert!(old.starts_with("Servus "), "{old}");
    gateway.expect_log("reload refused");
    for (broken, place) in [
        ("greeting = Grüezi { $name },\nstate = { $na\n", "templates kept as they were: locales/de.ftl:2"),
        ("# ours\n\ngreting = Grüezi\n", "templates kept as they were: locales/de.ftl:3"),
        ("greeting = Grüezi { $nobody },\n", "locales/de.ftl lacks a value"),
    ] {
        fs::write(&german, broken).unwrap();
        gateway.signal("HUP");
        let why = gateway.wait_log(place)["why"].as_str().unwrap().to_owned();
        assert!(why.starts_with("templates kept as they were: ") && why.contains(place), "{why}");
        assert_eq!(said(&mut gateway), old, "{why}");
    }
    fs::write(&german, "greeting = Grüezi { $name },\n").unwrap();
    gateway.signal("HUP");
    eventually("the new text", || said(&mut gateway).starts_with("Grüezi ").then_some(()));
    gateway.finish();
}

#[test]
fn templates_are_listed_shown_and_previewed() {
    let gateway = Plan::default().prepare();
    let list = gateway.cli(&["template", "list"]);
    assert!(list.contains("email/agent_reply/subject.hbs"), "{list}");
    assert!(!gateway.cli(&["template", "show", "email/agent_reply/text.hbs"]).is_empty());
    let whole = gateway.cli(&["template", "show", "agent_reply"]);
    assert_eq!(whole.matches("==> email/agent_reply/").count(), 3, "{whole}");
    assert_eq!(gateway.run(&["template", "show", "nothing"]).status.code(), Some(2));
    let preview = gateway.cli_json(&["template", "preview", "agent_reply"]);
    assert!(preview["html"].as_str().unwrap().contains("<html"), "{preview}");
    assert_eq!(gateway.run(&["template", "preview", "nothing"]).status.code(), Some(78));
    assert!(!gateway.data_dir().exists(), "templates need no data");
}

#[test]
fn i18_2_a_gallery_of_all_mails_is_written_for_a_browser() {
    let brand = "[[brand]]\nid = \"acme\"\nname = \"Acme\"\n";
    let gateway = Plan::default().toml(brand).prepare();
    let dir = gateway.dir().join("pages/of/mails");
    let said = gateway.cli_json(&["template", "gallery", dir.to_str().unwrap()]);
    assert_eq!(said["first"], dir.join("index.html").to_str().unwrap());
    assert_eq!(said["files"], fs::read_dir(&dir).unwrap().count());
    let page = fs::read_to_string(dir.join("brand.acme.de.html")).unwrap();
    assert!(page.contains("Mails of Acme") && page.contains("brand.acme.de.ticket_submitted.html"), "{page}");
    assert!(fs::read_to_string(dir.join("brand.acme.de.ticket_submitted.html")).unwrap().contains("lang=\"de\""));
    let refused = gateway.run(&["template", "gallery", gateway.config().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "a file is no folder");
}

#[test]
fn ops_8_a_full_disk_refuses_mail_and_comes_back() {
    let gateway =
        Plan::default().set("limits.disk_reserve_bytes", "1099511627776").expect_log("out of storage space").start();
    eventually("not ready", || (gateway.ops("/readyz").status == 503).then_some(()));
    assert_eq!(gateway.ops("/readyz").json()["reasons"][0], "out of storage space");
    let reply = gateway.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", "1@example.net", "Hello"));
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    gateway.finish();
}

#[test]
fn init_writes_a_configuration_that_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("etc/deskgate.toml");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_deskgate"));
        command.arg("--config").arg(&config).args(arguments).output().unwrap()
    };
    assert!(run(&["init"]).status.success());
    let checked = run(&["check"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let again = run(&["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
}

#[test]
fn ops_1_init_prints_an_invitation_that_lets_the_first_admin_in_for_a_week() {
    let plan = Plan::default().prepare();
    let config = plan.dir().join("new/deskgate.toml");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_deskgate"));
        let command = command.args(["--json", "--config"]).arg(&config).arg("--data").arg(plan.data_dir());
        command.args(arguments).output().unwrap()
    };
    let refused = run(&["init", "--admin", "nobody"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("is written, but nobody could not be invited"), "{said}");
    fs::remove_file(&config).unwrap();

    let began = run(&["init", "--admin", "you@example.com", "--name", "You"]);
    assert!(began.status.success(), "{}", String::from_utf8_lossy(&began.stderr));
    let began: Value = serde_json::from_slice(&began.stdout).unwrap();
    assert_eq!(began["admin"], "you@example.com");
    let tokens: Value = serde_json::from_slice(&run(&["token", "list"]).stdout).unwrap();
    let lasts_s = tokens[0]["expires_at"].as_u64().unwrap() - tokens[0]["created_at"].as_u64().unwrap();
    assert_eq!((&tokens[0]["name"], lasts_s), (&Value::from("invitation"), 7 * 86_400));

    let mut gateway = plan;
    gateway.up();
    let bearer = format!("Bearer {}", began["invitation"].as_str().unwrap());
    let me = http_client::call(gateway.address("http"), "GET", "/api/me", &[("authorization", &bearer)], None);
    assert_eq!(me.expect(200)["email"], "you@example.com");
    gateway.finish();
}

#[test]
fn fault_92_a_port_in_use_ends_with_78() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let gateway = Plan::default().set("lmtp.listen", &address).prepare();
    let output = gateway.run(&["serve"]);
    assert_eq!(output.status.code(), Some(78));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains(&format!("lmtp.listen: cannot listen on {address}")), "{errors}");
    gateway.finish();
}

#[test]
fn mail_becomes_a_conversation_of_the_api() {
    let mut gateway = Gateway::start();
    let reply = gateway.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", "1@example.net", "Hello"));
    assert!(reply.starts_with("250"), "{reply}");
    let list = gateway.api("GET", "/api/conversations", None).expect(200);
    assert_eq!(list["conversations"].as_array().map(Vec::len), Some(1), "{list}");
    gateway.finish();
}
