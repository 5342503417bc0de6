//! The index on disk.
//!
//! One document for each text: title and attributes of a thread, a message or note, a contact. Words are letters and
//! digits between anything else, without case and accents.
//!
//! **Invariant:** memory is bounded: the writer, open only while there is something to write, has one thread and
//! [`WRITER_BYTES`]; what is searched is mapped from the files.

use crate::clock;
use crate::desk::search::words::Of;
use crate::desk::search::words::TextChange;
use crate::desk::search::words::Wanted;
use crate::desk::search::words::WordIndex;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;
use tantivy::Index;
use tantivy::IndexReader;
use tantivy::IndexWriter;
use tantivy::Order;
use tantivy::ReloadPolicy;
use tantivy::TantivyDocument;
use tantivy::Term;
use tantivy::collector::TopDocs;
use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentId;
use tantivy::index::SegmentMeta;
use tantivy::indexer::NoMergePolicy;
use tantivy::query::BooleanQuery;
use tantivy::query::PhraseQuery;
use tantivy::query::Query;
use tantivy::query::TermQuery;
use tantivy::schema::FAST;
use tantivy::schema::Field;
use tantivy::schema::INDEXED;
use tantivy::schema::IndexRecordOption;
use tantivy::schema::STORED;
use tantivy::schema::Schema;
use tantivy::schema::TextFieldIndexing;
use tantivy::schema::TextOptions;
use tantivy::schema::Value;
use tantivy::tokenizer::AsciiFoldingFilter;
use tantivy::tokenizer::LowerCaser;
use tantivy::tokenizer::RemoveLongFilter;
use tantivy::tokenizer::SimpleTokenizer;
use tantivy::tokenizer::TextAnalyzer;

/// Memory of the writer: the least that the library takes.
const WRITER_BYTES: usize = 15_000_000;
/// Version of fields and words; another one is made anew.
const FORM: u32 = 1;
/// Longest word that is kept, in bytes.
const WORD_BYTES_MAX: usize = 80;
/// Words of one search.
const WORDS_MAX: usize = 32;
/// Name of the way words are cut.
const CUT: &str = "words";

/// How far the index is; kept in its own commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) form: u32,
    /// The log is read up to here, or will be from here on once everything older is in.
    pub(crate) log: u64,
    pub(crate) place: Place,
}

/// What is read now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// Threads, behind this one and this part of it.
    Threads(u64, u64),
    /// Contacts, behind this one.
    Contacts(u64),
    /// The log.
    Log,
}

impl Cursor {
    /// Before everything; what happens from `log` on is read after what is there now.
    pub(crate) fn beginning(log: EventSeq) -> Self {
        Self { form: FORM, log: log.0, place: Place::Threads(0, 0) }
    }

    fn read(payload: Option<&str>) -> Option<Self> {
        let cursor: Self = serde_json::from_str(payload?).ok()?;
        (cursor.form == FORM).then_some(cursor)
    }
}

#[derive(Clone, Copy, Debug)]
struct Fields {
    /// `t`, `p` or `c`, and the id.
    key: Field,
    /// 0 for contacts.
    thread: Field,
    at: Field,
    text: Field,
}

/// The index. Clones share one.
#[derive(Clone)]
pub struct TextIndex(Arc<Inner>);

struct Inner {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    cursor: Mutex<Option<Cursor>>,
}

impl fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextIndex").field("cursor", &self.cursor()).finish_non_exhaustive()
    }
}

/// The writer; one at a time. What it took in since the last commit goes with it.
pub(crate) struct Writing {
    writer: IndexWriter,
    /// How far it read beyond the last commit.
    ahead: Option<Cursor>,
    committed_at: Instant,
}

impl Writing {
    /// Ends what it merges in the background, and closes it.
    pub(crate) fn end(self) -> Result<(), String> {
        self.writer.wait_merging_threads().map_err(said)
    }

    /// Empties the index, with the next commit.
    pub(crate) fn clear(&mut self) -> Result<(), String> {
        self.ahead = None;
        self.writer.delete_all_documents().map(drop).map_err(said)
    }

    /// How far it read beyond the last commit, if it did.
    pub(crate) fn ahead(&self) -> Option<&Cursor> {
        self.ahead.as_ref()
    }

    /// Since the last commit, or since it was opened.
    pub(crate) fn uncommitted_for(&self) -> Duration {
        self.committed_at.elapsed()
    }
}

impl TextIndex {
    /// Opens the index in `dir`, or makes an empty one where there is none that can be read.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn open(dir: &Path) -> Result<Self, String> {
        Self::try_open(dir).or_else(|fault| {
            tracing::warn!(%fault, "the search index cannot be read; it is made anew");
            fs::remove_dir_all(dir).map_err(|error| error.to_string())?;
            Self::try_open(dir)
        })
    }

    fn try_open(dir: &Path) -> Result<Self, String> {
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default().set_tokenizer(CUT);
        let words = words.set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let fields = Fields {
            key: schema.add_text_field("key", tantivy::schema::STRING | STORED),
            thread: schema.add_u64_field("thread", INDEXED | STORED),
            at: schema.add_u64_field("at", FAST),
            text: schema.add_text_field("text", TextOptions::default().set_indexing_options(words)),
        };
        let directory = MmapDirectory::open(dir).map_err(said)?;
        let index = Index::open_or_create(directory, schema.build()).map_err(said)?;
        let cut = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
            .build();
        index.tokenizers().register(CUT, cut);
        let cursor = Cursor::read(index.load_metas().map_err(said)?.payload.as_deref());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(said)?;
        Ok(Self(Arc::new(Inner { index, reader, fields, cursor: Mutex::new(cursor) })))
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.0.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how far the log was read without anything to write.
    pub(crate) fn note(&self, cursor: Cursor) {
        *self.0.cursor.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor);
    }

    pub(crate) fn write(&self) -> Result<Writing, String> {
        let writer = self.0.index.writer_with_num_threads(1, WRITER_BYTES).map_err(said)?;
        Ok(Writing { writer, ahead: None, committed_at: clock::instant() })
    }

    /// Takes changes in, up to the cursor, for the next commit.
    pub(crate) fn take_in(&self, writing: &mut Writing, changes: &[TextChange], cursor: Cursor) -> Result<(), String> {
        for change in changes {
            self.apply(&writing.writer, change)?;
        }
        writing.ahead = Some(cursor);
        Ok(())
    }

    /// Commits what was taken in with the cursor it leads to, and shows it to searches.
    pub(crate) fn commit(&self, writing: &mut Writing) -> Result<(), String> {
        let Some(cursor) = writing.ahead.take() else { return Ok(()) };
        let payload = serde_json::to_string(&cursor).map_err(|error| error.to_string())?;
        let mut prepared = writing.writer.prepare_commit().map_err(said)?;
        prepared.set_payload(&payload);
        prepared.commit().map_err(said)?;
        self.0.reader.reload().map_err(said)?;
        self.note(cursor);
        writing.committed_at = clock::instant();
        Ok(())
    }

    fn apply(&self, writer: &IndexWriter, change: &TextChange) -> Result<(), String> {
        let fields = self.0.fields;
        match change {
            TextChange::DropThread(thread) => {
                writer.delete_term(Term::from_field_u64(fields.thread, thread.0));
            }
            TextChange::Drop(of) => {
                writer.delete_term(Term::from_field_text(fields.key, &key(*of)));
            }
            TextChange::Put { of, at, text } => {
                let key = key(*of);
                writer.delete_term(Term::from_field_text(fields.key, &key));
                let thread = match of {
                    Of::Thread(thread) | Of::Part(thread, _) => thread.0,
                    Of::Contact(_) => 0,
                };
                let mut document = TantivyDocument::default();
                document.add_text(fields.key, &key);
                document.add_u64(fields.thread, thread);
                document.add_u64(fields.at, at.0);
                document.add_text(fields.text, text);
                writer.add_document(document).map_err(said)?;
            }
        }
        Ok(())
    }

    /// Writes every segment anew that holds something deleted, and removes the files that nothing needs any more: until then
    /// the words of what was deleted are in them (DAT-2). No other writer may be open.
    pub(crate) fn scrub(&self) -> Result<(), String> {
        let mut writer: IndexWriter = self.0.index.writer_with_num_threads(1, WRITER_BYTES).map_err(said)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let all = self.0.index.searchable_segment_metas().map_err(said)?;
        let stale: Vec<SegmentId> =
            all.iter().filter(|segment| segment.num_deleted_docs() > 0).map(SegmentMeta::id).collect();
        drop(all);
        if !stale.is_empty() {
            drop(writer.merge(&stale).wait().map_err(said)?);
        }
        self.0.reader.reload().map_err(said)?;
        writer.garbage_collect_files().wait().map_err(said)?;
        writer.wait_merging_threads().map_err(said)
    }

    /// All phrases, each as its words in their order; `None` when there is no word at all.
    fn query(&self, wanted: &Wanted) -> Option<BooleanQuery> {
        let fields = self.0.fields;
        let mut cut = self.0.index.tokenizers().get(CUT)?;
        let (mut all, mut words): (Vec<Box<dyn Query>>, usize) = (Vec::new(), 0);
        for phrase in &wanted.phrases {
            let mut terms = Vec::new();
            let mut stream = cut.token_stream(phrase);
            while let Some(token) = stream.next() {
                terms.push((token.position, Term::from_field_text(fields.text, &token.text)));
            }
            words = words.saturating_add(terms.len());
            match terms.len() {
                0 => {}
                1 => {
                    all.extend(terms.into_iter().map(|(_, term)| -> Box<dyn Query> {
                        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
                    }))
                }
                _ => all.push(Box::new(PhraseQuery::new_with_offset(terms))),
            }
            if words >= WORDS_MAX {
                break;
            }
        }
        (!all.is_empty()).then(|| BooleanQuery::intersection(all))
    }
}

impl WordIndex for TextIndex {
    fn look(&self, wanted: &Wanted, offset: usize, limit: usize) -> Result<Vec<Of>, String> {
        let Some(query) = self.query(wanted) else { return Ok(Vec::new()) };
        let searcher = self.0.reader.searcher();
        let latest = TopDocs::with_limit(limit).and_offset(offset).order_by_fast_field::<u64>("at", Order::Desc);
        let found = searcher.search(&query, &latest).map_err(said)?;
        let mut hits = Vec::with_capacity(found.len());
        for (_, address) in found {
            let document: TantivyDocument = searcher.doc(address).map_err(said)?;
            let key = document.get_first(self.0.fields.key).and_then(|value| value.as_str().map(ToOwned::to_owned));
            let thread = document.get_first(self.0.fields.thread).and_then(|value| value.as_u64());
            let hit = key.zip(thread).and_then(|(key, thread)| of(&key, thread)).ok_or("a text without its key")?;
            hits.push(hit);
        }
        Ok(hits)
    }

    fn read_to(&self) -> Option<EventSeq> {
        self.cursor().filter(|cursor| cursor.place == Place::Log).map(|cursor| EventSeq(cursor.log))
    }
}

fn key(of: Of) -> String {
    match of {
        Of::Thread(thread) => format!("t{thread}"),
        Of::Part(_, part) => format!("p{part}"),
        Of::Contact(contact) => format!("c{}", contact.0),
    }
}

fn of(key: &str, thread: u64) -> Option<Of> {
    let (kind, id) = key.split_at_checked(1)?;
    let id = id.parse().ok()?;
    match kind {
        "t" => Some(Of::Thread(ThreadId(id))),
        "p" => Some(Of::Part(ThreadId(thread), PartId(id))),
        "c" => Some(Of::Contact(ContactId(id))),
        _ => None,
    }
}

fn said(error: impl fmt::Display) -> String {
    error.to_string()
}
