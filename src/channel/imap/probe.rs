//! Trying a mailbox out for `mailbox test` and `check --connect`: the same steps as in earnest, nothing is taken.

use crate::channel::imap::client::Client;
use crate::channel::imap::connect::connect;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::options::TlsMode;
use crate::channel::imap::proof::Proof;
use tokio_util::sync::CancellationToken;

/// Connects, signs in and opens the folder read-only. One entry per step, in order, with what was found or what went
/// wrong in words; the first failure is the last entry.
pub async fn test_sign_in(options: &MailboxOptions) -> Vec<(&'static str, Result<String, String>)> {
    let mut steps = Vec::new();
    let drain = CancellationToken::new();
    let proof = match Proof::of(options, &drain).await {
        Ok(proof) => proof,
        Err(error) => {
            steps.push(("access token", Err(error.to_string())));
            return steps;
        }
    };
    if let Proof::Token { bearer, .. } = &proof {
        let words = if bearer.is_fresh { "given just now" } else { "still good" };
        steps.push(("access token", Ok(words.to_owned())));
    }
    let connected = connect(options, &drain).await;
    let greeted = match connected {
        Ok(greeted) => greeted,
        Err(error) => {
            steps.push(("connect", Err(error.to_string())));
            return steps;
        }
    };
    let protection = match options.tls {
        TlsMode::Implicit => "TLS",
        TlsMode::StartTls => "STARTTLS",
        TlsMode::None => "not protected",
    };
    steps.push(("connect", Ok(format!("{}:{}, {protection}", options.host, options.port))));
    match greeted.sign_in(options, &proof).await {
        Ok(mut client) => {
            steps.push(("sign in", Ok(options.user.clone())));
            if let Err(failed) = try_folder(&mut client, options, &mut steps).await {
                steps.push(failed);
            }
            client.close().await;
        }
        Err(error) => steps.push(("sign in", Err(error.to_string()))),
    }
    steps
}

type Step = (&'static str, Result<String, String>);

async fn try_folder(client: &mut Client, options: &MailboxOptions, steps: &mut Vec<Step>) -> Result<(), Step> {
    let failed = |step| move |error: ImapError| (step, Err(error.to_string()));
    let folder = client.open(&options.folder, true).await.map_err(failed("open folder"))?;
    steps.push(("open folder", Ok(format!("{}, UIDVALIDITY {}", options.folder, folder.uid_validity))));
    let found = client.search("1:*").await.map_err(failed("look"))?;
    steps.push(("look", Ok(format!("{} messages", found.len()))));
    let idle = if client.can("IDLE") {
        "offered".to_owned()
    } else {
        format!("not offered, looking every {} s", options.poll_interval_s)
    };
    steps.push(("IDLE", Ok(idle)));
    Ok(())
}
