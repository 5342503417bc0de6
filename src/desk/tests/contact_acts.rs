//! Contacts who are blocked or deleted, and their threads.

use super::*;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ContactId;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::chores::Closing;

const THREADS: usize = 45;

async fn with_threads(story: &Story) -> ContactId {
    let ana = story.visitor().await.id;
    for _ in 0..THREADS {
        story.desk.contact_comment(ana, None, text("Hello"), ChannelKind::Messenger).await.unwrap();
    }
    ana
}

fn open(story: &Story, contact: ContactId) -> usize {
    let threads = story.desk.inner.store.view(|tx| store::threads::of_contact(tx, contact, 100)).unwrap();
    threads.iter().filter(|thread| thread.state == ThreadState::Open).count()
}

#[tokio::test]
async fn msg_62_blocking_closes_every_thread_however_many() {
    let story = Story::begin().await;
    let ana = with_threads(&story).await;
    story.desk.block_contact(&story.agent, ana, true).await.unwrap();
    assert_eq!((open(&story, ana), story.desk.closing_batch().await), (0, Ok(false)));
    story.end();
}

#[tokio::test]
async fn api_26_a_closing_that_was_broken_off_goes_on_and_unblocking_ends_it() {
    let story = Story::begin().await;
    let ana = with_threads(&story).await;
    let begin = || {
        let closing = Closing { contact: ana, by: story.agent.agent, after: ThreadId(0) };
        story.desk.inner.store.update_blocking(move |tx| store::chores::put_closing(tx, closing)).unwrap();
    };
    begin();
    assert_eq!(story.desk.closing_batch().await, Ok(true));
    assert_eq!(open(&story, ana), THREADS - 20, "a batch is a transaction");
    story.end();
    story.desk.block_contact(&story.agent, ana, false).await.unwrap();
    assert_eq!((open(&story, ana), story.desk.closing_batch().await), (THREADS - 20, Ok(false)));
    begin();
    while story.desk.closing_batch().await.unwrap() {}
    assert_eq!(open(&story, ana), 0);
    story.end();
}

#[tokio::test]
async fn api_26_deleting_closes_the_threads_behind_the_contact() {
    let story = Story::begin().await;
    let ana = with_threads(&story).await;
    story.desk.delete_contact(&story.agent, ana).await.unwrap();
    assert_eq!(open(&story, ana), 0);
    story.end();
}
