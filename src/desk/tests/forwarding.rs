//! Probes of support addresses (EML-10).

use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::tests::SUPPORT;
use crate::desk::tests::Story;
use crate::desk::tests::address;
use crate::desk::tests::arrival;

fn is_proven(story: &Story) -> bool {
    story.desk.forwarding(Some(&story.agent)).unwrap()[0].proven_at.is_some()
}

#[tokio::test]
async fn eml_10_forwarding_is_proven_by_the_probe_that_comes_back_and_by_nothing_else() {
    let story = Story::begin().await;
    let to = address(SUPPORT);
    assert!(story.desk.forwarding(None).unwrap()[0].probed_at.is_none());
    let first = story.desk.forwarding_probe(Some(&story.agent), &to).await.unwrap();
    let probe = story.desk.forwarding_probe(None, &to).await.unwrap();
    let text = String::from_utf8(probe.bytes.clone()).unwrap();
    assert!(text.contains("Auto-Submitted: auto-generated"), "{text}");

    let forged = text.replacen("X-Deskgate-Marker: a", "X-Deskgate-Marker: b", 1);
    story.desk.accept(arrival(SUPPORT, forged.into_bytes())).await.unwrap();
    assert_eq!(story.desk.accept(arrival(SUPPORT, first.bytes)).await.unwrap(), Accepted::Own);
    assert!(!is_proven(&story), "neither a forged one nor an earlier one");

    // The way may change all of a mail but what we signed.
    let changed = text.replacen("Message-ID: <probe.", "Message-ID: <relay.", 1);
    assert_eq!(story.desk.accept(arrival(SUPPORT, changed.into_bytes())).await.unwrap(), Accepted::Own);
    assert!(is_proven(&story));
    story.desk.forwarding_probe(None, &to).await.unwrap();
    assert!(!is_proven(&story), "a new probe asks anew");
    assert!(story.desk.forwarding_probe(None, &address("other@example.com")).await.is_err());
    story.end();
}
