//! What a contact gets of themself, and what is left when they go (DAT-1 to DAT-3).

use super::Story;
use super::address;
use super::text;
use super::thread_of;
use crate::desk::mail::outbox::Prepared;
use crate::desk::people::contacts::ContactRef;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::search::Step;
use crate::search::TextIndex;
use crate::search::Worker;
use std::fs;
use std::path::Path;
use std::time::Duration;

const HELLO: &str =
    "From: Zaphira Quillon <zaphira.quillon@example.net>\nSubject: Quillon estate\nMessage-ID: <1@mail.example>";
const ANA: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <a1@example.com>";
const MINUTE: Duration = Duration::from_secs(60);
/// What nobody may find afterwards; the last two are in a body and in a file.
const GONE: [&str; 4] = ["zaphira", "quillon", "hyacinth", "argonaut"];

fn with_file(headers: &str, content: &str) -> (String, String) {
    let file = data_encoding::BASE64.encode(content.as_bytes());
    let body = format!(
        "--b\nContent-Type: text/plain\n\nMy word is hyacinth.\n--b\nContent-Type: text/plain; name=p.txt\n\
         Content-Disposition: attachment; filename=p.txt\nContent-Transfer-Encoding: base64\n\n{file}\n--b--"
    );
    (format!("{headers}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b"), body)
}

/// A thread of hers alone, and one of Ana's in which she takes part and is quoted.
async fn told(story: &Story) -> (ContactId, ThreadId, ThreadId) {
    let (headers, body) = with_file(HELLO, "the argonaut papers");
    let own = thread_of(&story.mail(&headers, &body).await);
    story.desk.agent_comment(&story.agent, own, text("Dear Zaphira Quillon, it is yours.")).await.unwrap();
    let her = ContactRef::Email(address("zaphira.quillon@example.net"));
    let her = story.desk.find_contact(&story.agent, &her).unwrap().id;
    let shared = thread_of(&story.mail(ANA, "Please help").await);
    story.desk.add_participant(&story.agent, shared, ContactRef::Id(her), false).await.unwrap();
    let (headers, body) = with_file(
        "From: Zaphira Quillon <zaphira.quillon@example.net>\nSubject: Re: Invoice\nMessage-ID: <2@mail.example>\n\
         In-Reply-To: <a1@example.com>",
        "the argonaut papers",
    );
    assert_eq!(thread_of(&story.mail(&headers, &body).await), shared);
    let (headers, body) = with_file(
        "From: Ana <ana@example.com>\nCc: Zaphira Quillon <zaphira.quillon@example.net>\nSubject: Re: Invoice\n\
         Message-ID: <a2@example.com>\nIn-Reply-To: <2@mail.example>",
        "the kept papers",
    );
    let body = body.replace("My word is hyacinth.", "Zaphira Quillon told me so.");
    assert_eq!(thread_of(&story.mail(&headers, &body).await), shared);
    story.desk.agent_comment(&story.agent, shared, text("Thanks, Zaphira and Ana.")).await.unwrap();
    send(story).await;
    (her, own, shared)
}

/// Sends what is due, to be kept in the store as a desk without relay does.
async fn send(story: &Story) {
    for delivery in story.desk.lease_due(50, MINUTE).await.unwrap() {
        match story.desk.prepare(&delivery).unwrap() {
            Prepared::Send(mail) => story.desk.capture(mail).await.unwrap(),
            Prepared::Settle(verdict) => story.desk.settle(delivery.id, verdict).await.unwrap(),
        }
    }
}

fn index_to_the_end(worker: &mut Worker) {
    while worker.step().unwrap() != Step::Nothing {}
}

/// Every file below a directory that holds one of the words, whatever their case.
fn holding(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, words));
            continue;
        }
        let bytes = fs::read(&path).unwrap().to_ascii_lowercase();
        let there = words.iter().filter(|word| memchr::memmem::find(&bytes, word.as_bytes()).is_some());
        found.extend(there.map(|word| format!("{word} in {}", path.display())));
    }
    found
}

fn blobs_holding(story: &Story, words: &[&str]) -> usize {
    let blobs = &story.desk.inner.blobs;
    let all = (0..=u8::MAX).flat_map(|first| blobs.beginning_with(first).unwrap());
    let contents = all.map(|hash| blobs.get_blocking(hash).unwrap().to_ascii_lowercase());
    contents.filter(|bytes| words.iter().any(|word| memchr::memmem::find(bytes, word.as_bytes()).is_some())).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_124_erasing_leaves_no_octet_of_name_address_or_body_and_all_counts() {
    let story = Story::on_disk().await;
    let index = TextIndex::open(&story.dir.path().join("search")).unwrap();
    let mut worker = Worker::new(story.desk.clone(), index);
    let (her, own, shared) = told(&story).await;
    tokio::task::block_in_place(|| index_to_the_end(&mut worker));
    assert!(!holding(story.dir.path(), &GONE).is_empty() && blobs_holding(&story, &GONE) > 0, "it is there before");
    let before = (story.parts(shared).len(), story.desk.all_deliveries(None, 100).unwrap().len());
    story.wait(MINUTE * 60);
    let preview = story.desk.erasure_preview(Some(&story.agent), her).unwrap();
    assert_eq!((preview.threads, preview.shared_threads, preview.parts, preview.files, preview.mails), (1, 1, 2, 2, 2));
    assert_eq!(story.desk.erase_contact(Some(&story.agent), her).await.unwrap(), preview);
    tokio::task::block_in_place(|| index_to_the_end(&mut worker));
    story.wait(MINUTE * 60);
    story.desk.sweep().await.unwrap();
    assert_eq!(holding(story.dir.path(), &GONE), Vec::<String>::new());
    assert_eq!(blobs_holding(&story, &GONE), 0);
    assert!(story.desk.thread_view(&story.agent, own, true).is_err());
    assert_eq!((story.parts(shared).len(), story.desk.all_deliveries(None, 100).unwrap().len()), before, "counts stay");
    let parts = story.parts(shared);
    assert!(parts.iter().any(|part| part.body_text.contains("Erased contact told me so.")));
    let kept =
        parts.iter().find(|part| part.author.contact().is_some_and(|by| by != her) && !part.attachments.is_empty());
    let file = kept.and_then(|part| part.attachments.first()).unwrap();
    assert_eq!(story.desk.inner.blobs.get_blocking(file.source.blob()).unwrap(), b"the kept papers", "Ana's file");
    assert!(story.desk.contact(&story.agent, her).is_err());
    story.end();
}

#[tokio::test]
async fn dat_2_what_waits_for_an_erased_contact_does_not_go_out() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(ANA, "Please help").await);
    let ben = ContactRef::Email(address("ben@example.com"));
    let ben = story.desk.add_participant(&story.agent, thread, ben, false).await.unwrap();
    story.desk.agent_comment(&story.agent, thread, text("To both")).await.unwrap();
    story.desk.erase_contact(None, ben).await.unwrap();
    let sent = story.send_due().await;
    assert!(sent.len() == 1 && sent[0].contains("ana@example.com") && !sent[0].contains("ben@example.com"));
    let deliveries = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    let his = deliveries.iter().find(|delivery| delivery.contact == ben).unwrap();
    assert_eq!((&his.state, &his.address), (&DeliveryState::Skipped(SkipReason::Erased), &None));
    assert!(story.desk.erase_contact(None, ben).await.is_err(), "there is nobody any more");
    story.end();
}

#[tokio::test]
async fn dat_3_an_erased_address_that_got_no_mail_gets_none_afterwards() {
    let story = Story::begin().await;
    let first = thread_of(&story.mail(ANA, "Please help").await);
    story.desk.suppress(&story.agent, address("ana@example.com"), None, "asked for it").await.unwrap();
    let ana = story.parts(first)[0].author.contact().unwrap();
    story.desk.erase_contact(None, ana).await.unwrap();
    assert_eq!(story.desk.suppressions(None, None, 10).unwrap(), Vec::new(), "it is not named");
    let again = ANA.replace("a1@", "a9@");
    let thread = thread_of(&story.mail(&again, "It is me again").await);
    assert_ne!(thread, first);
    story.desk.agent_comment(&story.agent, thread, text("Hello")).await.unwrap();
    assert!(story.send_due().await.is_empty());
    let owed = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    assert_eq!(owed[0].state, DeliveryState::Skipped(SkipReason::Suppressed));
    story.end();
}

#[tokio::test]
async fn dat_1_an_export_holds_what_the_contact_may_have_and_with_internal_the_rest() {
    let story = Story::begin().await;
    let (her, own, shared) = told(&story).await;
    story.desk.agent_note(&story.agent, own, text("SECRET note")).await.unwrap();
    let exported = |internal: bool| {
        let mut files = Vec::new();
        let mut sink = |path: &str, bytes: &[u8]| {
            files.push((path.to_owned(), String::from_utf8_lossy(bytes).into_owned()));
            Ok(())
        };
        let counts = story.desk.export_contact(Some(&story.agent), her, internal, &mut sink).unwrap();
        (counts, files)
    };
    let (counts, files) = exported(false);
    assert_eq!(counts.threads, 2);
    let file = |path: &str| files.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str()).unwrap();
    assert!(file("profile.json").contains("zaphira.quillon@example.net"));
    assert!(file(&format!("threads/{own}/thread.json")).contains("it is yours"));
    assert!(file(&format!("threads/{shared}/thread.json")).contains("told me so"));
    assert_eq!(files.iter().filter(|(path, _)| path.ends_with(".eml")).count(), 2, "her own mails, not Ana's");
    assert!(files.iter().any(|(path, text)| path.contains("/files/") && text == "the argonaut papers"));
    assert!(!files.iter().any(|(_, text)| text.contains("SECRET")), "NTF-6");
    assert!(exported(true).1.iter().any(|(_, text)| text.contains("SECRET note")));
    let mut archive = Vec::new();
    story.desk.export_archive(None, her, false, &mut archive).unwrap();
    let mut read = tar::Archive::new(archive.as_slice());
    assert_eq!(read.entries().unwrap().filter(|entry| entry.is_ok()).count(), files.len());
    let failing = story.desk.export_contact(None, her, false, &mut |_, _| Err(std::io::Error::other("full")));
    assert!(failing.is_err());
    story.end();
}
