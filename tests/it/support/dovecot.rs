//! A real Dovecot of our own: temporary configuration, mail and ports; ends with the test.

use crate::support::setting;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

const PROGRAM: &str = "/usr/sbin/dovecot";
const UP_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Dovecot {
    dir: tempfile::TempDir,
    master: Option<Child>,
    /// IMAP in clear, with STARTTLS offered.
    pub(crate) port: u16,
    /// IMAP with implicit TLS.
    pub(crate) tls_port: u16,
    /// What to trust; it names `localhost`.
    pub(crate) certificate: rustls::pki_types::CertificateDer<'static>,
}

impl Dovecot {
    /// Starts one; `None` where Dovecot is not installed, unless `DESKGATE_TEST_PEERS=required`.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            assert!(!setting::peers_required(), "{PROGRAM} is missing and DESKGATE_TEST_PEERS=required");
            println!("not run: {PROGRAM} is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (port, tls_port) = free_ports();
        let certificate = made.cert.der().clone();
        let dovecot = Self { dir, master: None, port, tls_port, certificate };
        fs::write(dovecot.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(dovecot.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        dovecot.write_config();
        Some(dovecot.up())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_config(&self) {
        let dir = self.dir.path().display();
        let is_root = output("id", &["-u"]) == "0";
        let (user, group) = (output("id", &["-un"]), output("id", &["-gn"]));
        // Dovecot never runs mail processes as root.
        let (mail_user, mail_group) = if is_root { ("mail".to_owned(), "mail".to_owned()) } else { (user, group) };
        fs::create_dir(self.path("mail")).unwrap();
        if is_root {
            fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
            output("chown", &["mail:mail", self.path("mail").to_str().unwrap()]);
        }
        let config = format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {dir}/run\nstate_dir = {dir}/run\nlog_path = {dir}/log\n\
             ssl = yes\nssl_cert = <{dir}/cert.pem\nssl_key = <{dir}/key.pem\ndisable_plaintext_auth = no\n\
             default_login_user = {mail_user}\ndefault_internal_user = {mail_user}\n\
             default_internal_group = {mail_group}\n\
             mail_location = maildir:{dir}/mail/%u\nmail_uid = {mail_user}\nmail_gid = {mail_group}\n\
             first_valid_uid = 1\nmailbox_idle_check_interval = 1 secs\nauth_failure_delay = 0\n\
             passdb {{\n driver = static\n args = password=pw\n}}\n\
             userdb {{\n driver = static\n args = uid={mail_user} gid={mail_group} home={dir}/mail/%u\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n port = {}\n }}\n\
             inet_listener imaps {{\n port = {}\n ssl = yes\n }}\n}}\nservice anvil {{\n chroot =\n}}\n",
            self.port, self.tls_port
        );
        fs::write(self.path("dovecot.conf"), config).unwrap();
    }

    fn up(mut self) -> Self {
        self.start_again();
        self
    }

    /// Starts on the same ports and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let conf = self.path("dovecot.conf");
        let mut command = Command::new(PROGRAM);
        command.arg("-F").arg("-c").arg(conf).stdout(Stdio::null()).stderr(Stdio::null());
        self.master = Some(command.spawn().unwrap());
        let until = now() + UP_WITHIN;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(now() < until, "Dovecot did not start: {log}");
            // Another process: there is nothing to wait for but its answer.
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it; every connection ends.
    pub(crate) fn stop(&mut self) {
        if let Some(mut master) = self.master.take() {
            self.try_doveadm(&["stop"], b"");
            master.wait().unwrap();
        }
    }

    /// Delivers a message into a folder of `user`.
    pub(crate) fn deliver(&self, user: &str, subject: &str) {
        let message =
            format!("From: ana@example.com\nSubject: {subject}\nMessage-ID: <{subject}@example.com>\n\nHello\n");
        self.doveadm(&["save", "-u", user], message.as_bytes());
    }

    /// Delivers a message as it is.
    pub(crate) fn deliver_raw(&self, user: &str, message: &[u8]) {
        self.doveadm(&["save", "-u", user], message);
    }

    /// Puts messages into the user's folder as a mail server writes them, all at once.
    pub(crate) fn put_many(&self, user: &str, messages: impl Iterator<Item = Vec<u8>>) {
        self.doveadm(&["mailbox", "status", "-u", user, "messages", "INBOX"], b"");
        let folder = self.path("mail").join(user).join("new");
        fs::create_dir_all(&folder).unwrap();
        for (at, message) in messages.enumerate() {
            fs::write(folder.join(format!("{}.M{at}P1.host", 1_700_000_000 + at)), message).unwrap();
        }
        if output("id", &["-u"]) == "0" {
            output("chown", &["-R", "mail:mail", self.path("mail").join(user).to_str().unwrap()]);
        }
    }

    /// Lets no folder of any user grow beyond so many bytes, from the next start on.
    pub(crate) fn limit_storage(&self, bytes: u64) {
        let conf = self.path("dovecot.conf");
        let quota = format!(
            "mail_plugins = quota\nprotocol imap {{\n mail_plugins = quota imap_quota\n}}\n\
             plugin {{\n quota = count:User\n quota_vsizes = yes\n quota_rule = *:storage={bytes}B\n}}\n"
        );
        fs::write(&conf, fs::read_to_string(&conf).unwrap() + &quota).unwrap();
    }

    /// Gives the folder another UIDVALIDITY.
    pub(crate) fn change_uid_validity(&self, user: &str, uid_validity: u32) {
        self.doveadm(&["mailbox", "update", "-u", user, "--uid-validity", &uid_validity.to_string(), "INBOX"], b"");
    }

    /// Another client expunges what the query finds.
    pub(crate) fn expunge(&self, user: &str, query: &[&str]) {
        self.doveadm(&[&["expunge", "-u", user, "mailbox", "INBOX"], query].concat(), b"");
    }

    /// How many messages in the folder match.
    pub(crate) fn count(&self, user: &str, folder: &str, query: &str) -> usize {
        self.doveadm(&["search", "-u", user, "mailbox", folder, query], b"").lines().count()
    }

    /// Whether the user has that folder.
    pub(crate) fn has_folder(&self, user: &str, folder: &str) -> bool {
        self.doveadm(&["mailbox", "list", "-8", "-u", user], b"").lines().any(|it| it == folder)
    }

    /// The messages of a folder.
    pub(crate) fn text(&self, user: &str, folder: &str) -> String {
        self.doveadm(&["fetch", "-u", user, "text", "mailbox", folder, "all"], b"")
    }

    /// Kills the server's process of the user's connection.
    pub(crate) fn kill(&self, user: &str) {
        output("kill", &["-KILL", &self.process_of(user)]);
    }

    /// Freezes the server's process of the user's connection, which stays open and says nothing.
    pub(crate) fn freeze(&self, user: &str) -> Frozen {
        let pid = self.process_of(user);
        output("kill", &["-STOP", &pid]);
        Frozen { pid }
    }

    fn process_of(&self, user: &str) -> String {
        let who = self.doveadm(&["who", "-1"], b"");
        let line = who.lines().find(|line| line.starts_with(user)).unwrap_or_else(|| panic!("not connected: {who}"));
        line.split_whitespace().nth(2).unwrap().trim_matches(['(', ')']).to_owned()
    }

    fn doveadm(&self, args: &[&str], input: &[u8]) -> String {
        let (done, said) = self.try_doveadm(args, input);
        assert!(done, "doveadm {args:?}: {said}");
        said
    }

    fn try_doveadm(&self, args: &[&str], input: &[u8]) -> (bool, String) {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.path("dovecot.conf")).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        let said = if done.status.success() { done.stdout } else { done.stderr };
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// A frozen process; it ends with this value.
pub(crate) struct Frozen {
    pid: String,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        output("kill", &["-KILL", &self.pid]);
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Dovecot cannot choose its ports itself: two that were free a moment ago.
fn free_ports() -> (u16, u16) {
    let one = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    (one.local_addr().unwrap().port(), other.local_addr().unwrap().port())
}

fn output(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn now() -> Instant {
    deskgate::clock::instant()
}
