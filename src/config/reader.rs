//! The document and the environment, read key by key with their places.
//!
//! Sections ask for each key by name and type. What they did not ask for is unknown; what has another type is a fault at
//! its line. Faults are collected, never returned one by one, so that a person sees all of them at once.
//!
//! **Invariant:** no getter fails: a faulty value gives the default and leaves a fault behind, and a configuration with
//! a fault is never used.

use crate::config::env::Environment;
use crate::config::env::Setting;
use crate::config::env::Settings;
use crate::config::env::variable;
use crate::config::fault::Fault;
use crate::config::fault::Place;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use toml::de::DeTable;
use toml::de::DeValue;

/// Elements of one list (`[[mailbox]]` …).
const LIST_LEN_MAX: usize = 100;

/// A configuration while it is read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// The file as it was named.
    file: String,
    root: DeTable<'a>,
    env: Settings,
    /// Relative paths of the file start here.
    base: PathBuf,
    credentials: Option<PathBuf>,
    faults: RefCell<Vec<Fault>>,
    /// Top-level names asked for.
    sections: RefCell<BTreeSet<&'static str>>,
    /// Every key asked for, lists without their index (`mailbox.user`).
    keys: RefCell<BTreeSet<String>>,
}

/// A value and where it stands.
pub(crate) enum Found<'r> {
    Toml(&'r DeValue<'r>),
    Env(&'r Setting),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, file: &str, base: &Path, environment: &Environment) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let reader = Self {
            text,
            file: file.to_owned(),
            root: root.into_inner(),
            env: Settings::new(&environment.settings),
            base: base.to_owned(),
            credentials: environment.credentials.clone(),
            faults: RefCell::default(),
            sections: RefCell::default(),
            keys: RefCell::default(),
        };
        for error in errors {
            let place = reader.line(error.span().map_or(0, |span| span.start));
            reader.fault(place, "", format!("not TOML: {}", error.message()));
        }
        reader
    }

    /// A `[name]` table; empty when it is not there.
    pub(crate) fn section(&self, name: &'static str) -> Section<'_> {
        self.sections.borrow_mut().insert(name);
        let table = match self.root.get_key_value(name) {
            None => None,
            Some((key, value)) => {
                let table = value.get_ref().as_table();
                if table.is_none() {
                    self.fault(self.line(key.span().start), name, format!("expected a table [{name}]"));
                }
                table
            }
        };
        Section::new(self, name.to_owned(), name.to_owned(), table)
    }

    /// The `[[name]]` tables, with those the environment adds behind them.
    pub(crate) fn list(&self, name: &'static str) -> Vec<Section<'_>> {
        self.sections.borrow_mut().insert(name);
        let mut tables = Vec::new();
        if let Some((key, value)) = self.root.get_key_value(name) {
            let place = self.line(key.span().start);
            match value.get_ref().as_array() {
                None => self.fault(place, name, format!("expected tables [[{name}]]")),
                Some(array) => {
                    for element in array.iter().take(LIST_LEN_MAX) {
                        let table = element.get_ref().as_table();
                        if table.is_none() {
                            self.fault(self.line(element.span().start), name, format!("expected tables [[{name}]]"));
                        }
                        tables.push(table);
                    }
                    if array.len() > LIST_LEN_MAX {
                        self.fault(place, name, format!("more than {LIST_LEN_MAX} of them"));
                    }
                }
            }
        }
        let len = tables.len().max(self.env.list_len(name).min(LIST_LEN_MAX));
        tables.resize(len, None);
        let section =
            |(index, table): (usize, _)| Section::new(self, format!("{name}.{index}"), name.to_owned(), table);
        tables.into_iter().enumerate().map(section).collect()
    }

    /// The file as a whole, for faults of no line.
    pub(crate) fn whole(&self) -> Place {
        Place::File(self.file.clone())
    }

    pub(crate) fn fault(&self, place: Place, key: &str, what: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { place, key: key.to_owned(), what: what.into() });
    }

    /// Everything that was found wrong, after unknown sections and variables were added, in order of place.
    pub(crate) fn faults(self) -> Vec<Fault> {
        let known = self.sections.borrow().iter().copied().collect::<Vec<_>>().join(", ");
        for (key, _) in &self.root {
            if !self.sections.borrow().contains(key.get_ref().as_ref()) {
                let what = format!("unknown section; known are {known}");
                self.fault(self.line(key.span().start), key.get_ref(), what);
            }
        }
        for setting in self.env.left() {
            self.fault(Place::Variable(setting.name.clone()), "", "sets no known key");
        }
        let mut faults = self.faults.into_inner();
        faults.sort();
        faults.dedup();
        faults
    }

    /// Every key that was asked for.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.keys.borrow().clone()
    }

    fn line(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
        Place::Line { file: self.file.clone(), line }
    }
}

/// One table while it is read.
#[derive(Debug)]
pub(crate) struct Section<'r> {
    reader: &'r Reader<'r>,
    /// With the index in a list: `mailbox.0`.
    path: String,
    /// Without it.
    name: String,
    table: Option<&'r DeTable<'r>>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'r> Section<'r> {
    fn new(reader: &'r Reader<'_>, path: String, name: String, table: Option<&'r DeTable<'_>>) -> Self {
        Self { reader, path, name, table, known: RefCell::default() }
    }

    /// The value of `key`, if it is set; the environment goes before the file.
    pub(crate) fn find(&self, key: &'static str) -> Option<Found<'r>> {
        self.known.borrow_mut().insert(key);
        self.reader.keys.borrow_mut().insert(format!("{}.{key}", self.name));
        match self.reader.env.take(&self.full(key)) {
            Some(setting) => Some(Found::Env(setting)),
            None => self.table?.get(key).map(|value| Found::Toml(value.get_ref())),
        }
    }

    /// A table within this one; empty when it is not there.
    pub(crate) fn table(&self, key: &'static str) -> Section<'r> {
        self.known.borrow_mut().insert(key);
        let found = self.table.and_then(|table| table.get_key_value(key));
        let table = found.and_then(|(_, value)| value.get_ref().as_table());
        if found.is_some() && table.is_none() {
            self.fault(key, format!("expected a table: {key} = {{ … }}"));
        }
        Section::new(self.reader, self.full(key), format!("{}.{key}", self.name), table)
    }

    /// Whether the file has this table.
    pub(crate) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether `key` is set.
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Where `key` stands, or its table, or the file.
    pub(crate) fn place(&self, key: &str) -> Place {
        if self.reader.env.take(&self.full(key)).is_some() {
            return Place::Variable(variable(&self.full(key)));
        }
        let key_of_table = self.table.and_then(|table| table.get_key_value(key));
        let first = || self.table.and_then(|table| table.keys().map(|key| key.span().start).min());
        match key_of_table.map(|(key, _)| key.span().start).or_else(first) {
            Some(offset) => self.reader.line(offset),
            None => self.reader.whole(),
        }
    }

    /// Notes a fault at `key`.
    pub(crate) fn fault(&self, key: &str, what: impl Into<String>) {
        self.reader.fault(self.place(key), &self.full(key), what);
    }

    /// Ends the section: keys that nobody asked for are unknown.
    pub(crate) fn end(self) {
        let Some(table) = self.table else { return };
        let known = self.known.borrow();
        let names = known.iter().copied().collect::<Vec<_>>().join(", ");
        for key in table.keys() {
            if !known.contains(key.get_ref().as_ref()) {
                let what = format!("unknown key; [{}] knows {names}", self.name);
                self.reader.fault(self.reader.line(key.span().start), &self.full(key.get_ref()), what);
            }
        }
    }

    /// A path: relative ones start at the directory of the configuration file.
    pub(crate) fn at_base(&self, path: &str) -> PathBuf {
        self.reader.base.join(path)
    }

    /// The credential of that name, if systemd gave one.
    pub(crate) fn credential(&self, name: &str) -> Option<PathBuf> {
        let path = self.reader.credentials.as_ref()?.join(name);
        (!name.contains('/') && path.is_file()).then_some(path)
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}
