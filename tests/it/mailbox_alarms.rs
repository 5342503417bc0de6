//! A mailbox that only a person can mend: said once, by mail, over restarts (EML-6).

use crate::support::gateway::Plan;
use crate::support::gateway::eventually;
use crate::support::smtp_sink::SmtpSink;

#[test]
fn eml_6_admins_are_told_once_of_a_mailbox_that_needs_them() {
    let Some(sink) = SmtpSink::start() else { return };
    let toml = format!(
        r#"
[[mailbox]]
name = "office"
host = "localhost"
user = "support@example.com"
[mailbox.oauth]
provider = "custom"
client_id = "app"
scope = "mail"
authorize_url = "http://127.0.0.1:1/authorize"
token_url = "http://127.0.0.1:1/token"
[[relay]]
name = "sink"
host = "127.0.0.1"
port = {}
tls = "none"
"#,
        sink.port
    );
    let plan = Plan::default().toml(&toml);
    let mut gateway = plan.expect_log("mailbox connection ended").expect_log("only people can mend this").prepare();
    for email in ["boss@example.com", "second@example.com"] {
        gateway.cli(&["agent", "add", email, "--name", "Ana", "--role", "admin"]);
    }
    gateway.cli(&["agent", "add", "agent@example.com", "--name", "Bea"]);
    gateway.up();
    eventually("two mails", || (sink.mails().len() == 2).then_some(()));
    let mails = sink.mails();
    for admin in ["boss@example.com", "second@example.com"] {
        let mail = mails.iter().find(|mail| mail.contains(&format!("<{admin}>"))).unwrap();
        assert!(mail.contains("Subject: Deskgate: mailbox office needs a new sign-in"), "{mail}");
        assert!(mail.contains("deskgate mailbox authorize office") && mail.contains("Auto-Submitted: auto-generated"));
    }
    let status = gateway.cli(&["status"]);
    assert!(status.contains("office: needs_auth"), "{status}");
    gateway.stop();
    gateway.up();
    eventually("needs_auth again", || gateway.cli(&["status"]).contains("office: needs_auth").then_some(()));
    gateway.stop();
    assert_eq!(sink.mails().len(), 2, "one spell, one mail to each");
    gateway.finish();
}
