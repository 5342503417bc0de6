//! Words by messenger and console, alone and several in one commit.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Life;
use crate::desk_workload::book::Known;
use crate::desk_workload::book::Sort;
use crate::desk_workload::book::Speaker;
use crate::desk_workload::book::Word;
use crate::desk_workload::book::mark;
use crate::desk_workload::book::pick;
use crate::desk_workload::image::text;
use crate::desk_workload::stop;
use crate::workload::Stop;
use deskgate::desk::Error;
use deskgate::desk::thread::comments::Posted;
use deskgate::desk::thread::message::NewAttachment;
use deskgate::desk::thread::message::NewMessage;
use deskgate::domain::channel_kind::ChannelKind;
use deskgate::domain::id::ContactId;
use deskgate::domain::id::ThreadId;
use futures_util::future::join;
use futures_util::future::join3;
use std::sync::mpsc;

impl DeskWorkload {
    /// A post by messenger: a new one, or one that was tried before, with the same `client_id`.
    pub(super) async fn post(&mut self, life: &Life) -> Result<(), Stop> {
        let n = match self.some_post() {
            Some(n) => n,
            None => self.new_post(),
        };
        let (contact, thread, mut message) = self.worded_post(n);
        if n % 4 == 0 {
            let bytes = format!("file of {n}").into_bytes();
            message.attachments =
                vec![NewAttachment { name: "a.txt".to_owned(), content_type: "text/plain".to_owned(), bytes }];
        }
        let posted = life.desk.contact_comment(contact, thread, message, ChannelKind::Messenger).await;
        self.posted(n, posted)
    }

    fn posted(&mut self, n: usize, posted: Result<Posted, Error>) -> Result<(), Stop> {
        let posted = posted.map_err(stop)?;
        let known = self.book.words[n].part.is_some();
        if known && !posted.repeated {
            return Err(Stop::Broken(format!("post {n} was taken twice: {posted:?}")));
        }
        self.book.heard(n, posted.thread, Some(posted.part))?;
        self.book.done(if posted.repeated { "post once more" } else { "post" });
        Ok(())
    }

    fn some_post(&mut self) -> Option<usize> {
        let is_post = |n: &usize| matches!(self.book.words[*n].sort, Sort::Post { .. });
        let posts: Vec<usize> = (0..self.book.words.len()).filter(is_post).collect();
        let unanswered = posts.iter().find(|n| self.book.words[**n].part.is_none());
        match unanswered {
            Some(n) => Some(*n),
            None if posts.is_empty() || self.rng.below(3) > 0 => None,
            None => Some(posts[pick(&mut self.rng, posts.len())]),
        }
    }

    fn new_post(&mut self) -> usize {
        let users: Vec<(Known, ContactId)> =
            self.book.known.iter().filter_map(|known| Some((known.clone(), known.contact?))).collect();
        let (known, contact) = users[pick(&mut self.rng, users.len())].clone();
        let thread = (self.rng.below(4) > 0).then_some(known.thread);
        let client_id = format!("k{}", self.book.words.len());
        let speaker = Speaker::Customer { address: known.address, contact: Some(contact) };
        self.book.say(Sort::Post { contact, client_id, thread }, speaker)
    }

    fn worded_post(&self, n: usize) -> (ContactId, Option<ThreadId>, NewMessage) {
        let Sort::Post { contact, client_id, thread } = self.book.words[n].sort.clone() else {
            panic!("word {n} is no post");
        };
        (contact, thread, NewMessage { client_id: Some(client_id), ..text(format!("{} Hello", mark(n))) })
    }

    pub(super) async fn agent_comment(&mut self, life: &Life) -> Result<(), Stop> {
        let known = self.book.some_thread(&mut self.rng);
        let n = self.book.say(Sort::Comment, Speaker::Agent);
        let said = text(format!("{} It is on its way.", mark(n)));
        let posted = life.desk.agent_comment(&self.image.agent, known.thread, said).await.map_err(stop)?;
        self.book.heard(n, posted.thread, Some(posted.part))?;
        self.book.done("agent's comment");
        Ok(())
    }

    /// A note in a customer's thread, or in an internal ticket and from there in every linked thread.
    pub(super) async fn note(&mut self, life: &Life) -> Result<(), Stop> {
        let cross_post = self.rng.below(2) == 0;
        let thread = if cross_post {
            self.book.some_internal_ticket(&mut self.rng, self.image.tracker)
        } else {
            self.book.some_thread(&mut self.rng).thread
        };
        let n = self.book.say(Sort::Note { cross_post }, Speaker::Agent);
        let said = NewMessage { cross_post, ..text(format!("{} Between us.", mark(n))) };
        let posted = life.desk.agent_note(&self.image.agent, thread, said).await.map_err(stop)?;
        self.book.heard(n, posted.thread, Some(posted.part))?;
        self.book.done(if cross_post { "cross-posted note" } else { "note" });
        Ok(())
    }

    /// A contact has seen a thread up to something that was said there.
    pub(super) async fn seen(&mut self, life: &Life) -> Result<(), Stop> {
        let mine = self.book.known.iter().filter_map(|known| Some((known.contact?, known.thread)));
        let all = mine.flat_map(|(contact, thread)| {
            let shown = |word: &&Word| !matches!(word.sort, Sort::Note { .. });
            let there = self.book.words.iter().filter(shown).filter(move |word| word.thread == Some(thread));
            there.filter_map(move |word| Some((contact, thread, word.part?)))
        });
        let all: Vec<_> = all.collect();
        if all.is_empty() {
            return Ok(());
        }
        let (contact, thread, part) = all[pick(&mut self.rng, all.len())];
        life.desk.mark_seen(contact, thread, part).await.map_err(stop)?;
        let latest = self.book.seen.entry((contact, thread)).or_insert(part);
        *latest = part.max(*latest);
        self.book.done("seen");
        Ok(())
    }

    /// Several in one commit, one of them refused: the writer is held until all wait.
    pub(super) async fn together(&mut self, life: &Life) -> Result<(), Stop> {
        let (one, other) = (self.new_post(), self.new_post());
        let answer = self.book.say(Sort::Comment, Speaker::Agent);
        let known = self.book.some_thread(&mut self.rng);
        let said = text(format!("{} All at once.", mark(answer)));
        let stranger = self.image.reports[20].1;
        let (release, released) = mpsc::channel::<()>();
        let held = life.store.update(move |_| {
            released.recv().unwrap_or_default();
            Ok(())
        });
        let posts = [one, other].map(|n| {
            let (contact, thread, message) = self.worded_post(n);
            life.desk.contact_comment(contact, thread, message, ChannelKind::Messenger)
        });
        let [one_posted, other_posted] = posts;
        let foreign = text("Let me in.".to_owned());
        let refused = life.desk.contact_comment(stranger, Some(known.thread), foreign, ChannelKind::Messenger);
        let answered = life.desk.agent_comment(&self.image.agent, known.thread, said);
        let all = join3(join(one_posted, other_posted), refused, answered);
        // Unconstrained, or the runtime takes a break before all wait.
        let grouped = join(held, join(all, async { drop(release) }));
        let (_, (((one_posted, other_posted), refused, answered), ())) = tokio::task::unconstrained(grouped).await;
        if refused.is_ok() {
            return Err(Stop::Broken("a stranger wrote into a conversation".to_owned()));
        }
        let outcomes = [self.posted(one, one_posted), self.posted(other, other_posted)];
        let posted = answered.map_err(stop)?;
        self.book.heard(answer, posted.thread, Some(posted.part))?;
        outcomes.into_iter().collect::<Result<(), Stop>>()?;
        self.book.done("several in one commit");
        Ok(())
    }
}
