//! One file that holds the store and its blobs as of one moment (P24, OPS-5).
//!
//! The file is one LZ4 frame. Inside: `MAGIC`; entries, each a kind octet, a name's length (u16, big-endian), the
//! name, the content's length (u64, big-endian) and the content; then the kind `E`, the count of entries (u64) and the
//! SHA-256 of every octet before the hash. Kinds: `S` the store's file, first and once; `B` a blob, named by its hash
//! in hex.
//!
//! The snapshot is taken before the blobs are listed, and a blob is durable before the commit that names it: so every
//! blob the snapshot names is in the file, and perhaps some it does not name, which a later sweep removes.
//!
//! **Invariant:** a restore writes only into a directory without a store, and the store gets its name last, after the
//! checksum of the whole file was right; what is cut or damaged leaves no store behind.

use crate::clock::Clock;
use crate::domain::attachment::BlobHash;
use crate::store::Store;
use crate::store::blobs::Blobs;
use crate::store::durable::make_dir;
use crate::store::durable::sync_dir;
use crate::store::error::Error;
use crate::store::error::Result;
use lz4_flex::frame::FrameDecoder;
use lz4_flex::frame::FrameEncoder;
use ring::digest;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// The store's file in a data directory.
pub const STORE_FILE: &str = "store.redb";
/// Begins every backup.
const MAGIC: &[u8] = b"deskgate backup 1\n";
/// Octets copied at a time.
const COPY_BYTES: usize = 256 * 1024;
/// Longest name of an entry.
const NAME_BYTES_MAX: usize = 64;
/// Largest store taken from a backup: 16 TiB.
const STORE_BYTES_MAX: u64 = 1 << 44;

/// What a backup or a restore dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Size of the store's file.
    pub store_bytes: u64,
    /// Number of blobs.
    pub blobs: u64,
}

/// Writes a backup to `out`. The snapshot stands in `scratch` meanwhile, which must be on a disk with room for the
/// store. Blocks; writers go on. `progress` hears after each blob.
///
/// # Errors
/// `Engine` or `Full` when a disk fails or `out` does, `Corrupt` when a blob is damaged.
pub fn write(
    store: &Store,
    blobs: &Blobs,
    scratch: &Path,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Amount),
) -> Result<Amount> {
    let snapshot = Scratch::new(scratch)?;
    store.backup(&snapshot.0)?;
    let mut entries = Entries::begin(out)?;
    let mut amount = Amount { store_bytes: entries.file(&snapshot.0)?, blobs: 0 };
    progress(amount);
    for first in 0..=u8::MAX {
        for hash in blobs.beginning_with(first)? {
            match blobs.get_blocking(hash) {
                Ok(content) => {
                    entries.blob(hash, &content)?;
                    amount.blobs = amount.blobs.saturating_add(1);
                    progress(amount);
                }
                // Swept since it was listed, so nothing named it.
                Err(Error::Corrupt { .. }) if !blobs.exists(hash)? => {}
                Err(error) => return Err(error),
            }
        }
    }
    entries.end()?;
    Ok(amount)
}

/// Unpacks a backup into `data_dir`, which must be empty or not there. Blocks.
///
/// # Errors
/// `Engine` with a sentence when the directory is not empty, the input is no backup, is cut or damaged, or a disk fails.
/// Whatever was unpacked until then is removed.
pub fn read(input: &mut dyn Read, data_dir: &Path, progress: &mut dyn FnMut(Amount)) -> Result<Amount> {
    let began_empty = !data_dir.exists();
    if !began_empty {
        let mut names = fs::read_dir(data_dir).map_err(|error| Error::from_io("restore", &error))?;
        if names.next().is_some() {
            return Err(Error::Engine(format!("{} is not empty", data_dir.display())));
        }
    }
    make_dir(data_dir)?;
    let unpacked = unpack(input, data_dir, progress);
    if unpacked.is_err() {
        drop(fs::remove_dir_all(data_dir.join("blobs")));
        drop(fs::remove_file(draft_of_store(data_dir)));
        if began_empty {
            drop(fs::remove_dir(data_dir));
        }
    }
    unpacked
}

fn draft_of_store(data_dir: &Path) -> PathBuf {
    data_dir.join(format!("{STORE_FILE}.restoring"))
}

fn unpack(input: &mut dyn Read, data_dir: &Path, progress: &mut dyn FnMut(Amount)) -> Result<Amount> {
    let blobs = Blobs::open(data_dir, Clock::default())?;
    let mut input =
        Hashed { inner: FrameDecoder::new(BufReader::new(input)), hash: digest::Context::new(&digest::SHA256) };
    if input.exactly(MAGIC.len())? != MAGIC {
        return Err(bad("not a backup of this program"));
    }
    let draft = draft_of_store(data_dir);
    let mut amount = Amount::default();
    let mut entries: u64 = 0;
    loop {
        let kind = input.octet()?;
        match kind {
            b'S' if entries == 0 => amount.store_bytes = unpack_store(&mut input, &draft)?,
            b'B' if entries > 0 => {
                unpack_blob(&mut input, &blobs)?;
                amount.blobs = amount.blobs.saturating_add(1);
            }
            b'E' if entries > 0 => break,
            _ => return Err(bad("damaged: an entry out of place")),
        }
        entries = entries.saturating_add(1);
        progress(amount);
    }
    if input.number()? != entries {
        return Err(bad("damaged: entries are missing"));
    }
    input.check_hash()?;
    fs::rename(&draft, data_dir.join(STORE_FILE)).map_err(|error| Error::from_io("restore", &error))?;
    sync_dir(data_dir)?;
    Ok(amount)
}

fn unpack_store<R: Read>(input: &mut Hashed<R>, draft: &Path) -> Result<u64> {
    input.name()?;
    let bytes = input.number()?;
    if bytes > STORE_BYTES_MAX {
        return Err(bad("damaged: a store of impossible size"));
    }
    let failed = |error: io::Error| Error::from_io("restore", &error);
    let mut options = OpenOptions::new();
    let mut file = options.create_new(true).write(true).mode(0o600).open(draft).map_err(failed)?;
    let mut left = bytes;
    while left > 0 {
        let step = usize::try_from(left).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        file.write_all(&input.exactly(step)?).map_err(failed)?;
        left = left.saturating_sub(u64::try_from(step).unwrap_or(left));
    }
    file.sync_all().map_err(failed)?;
    Ok(bytes)
}

fn unpack_blob<R: Read>(input: &mut Hashed<R>, blobs: &Blobs) -> Result<()> {
    let name = input.name()?;
    let bytes = usize::try_from(input.number()?).ok().filter(|bytes| *bytes <= crate::store::blobs::BLOB_BYTES_MAX);
    let content = input.exactly(bytes.ok_or_else(|| bad("damaged: a blob of impossible size"))?)?;
    let kept = blobs.put_blocking(&content)?;
    if kept.to_string() == name { Ok(()) } else { Err(bad("damaged: a blob is not what its name says")) }
}

fn bad(what: &str) -> Error {
    Error::Engine(format!("backup: {what}"))
}

/// The snapshot's file, removed when it goes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(dir: &Path) -> Result<Self> {
        let path = dir.join("backup-snapshot.redb");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::from_io("backup", &error)),
            _ => Ok(Self(path)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Writes entries, compressed, and keeps their hash.
struct Entries<'a> {
    out: FrameEncoder<&'a mut dyn Write>,
    hash: digest::Context,
    count: u64,
}

impl<'a> Entries<'a> {
    fn begin(out: &'a mut dyn Write) -> Result<Self> {
        let mut entries = Self { out: FrameEncoder::new(out), hash: digest::Context::new(&digest::SHA256), count: 0 };
        entries.octets(MAGIC)?;
        Ok(entries)
    }

    fn octets(&mut self, octets: &[u8]) -> Result<()> {
        self.hash.update(octets);
        self.out.write_all(octets).map_err(|error| Error::from_io("backup", &error))
    }

    fn head(&mut self, kind: u8, name: &str, bytes: u64) -> Result<()> {
        let name_len = u16::try_from(name.len()).map_err(|_| bad("a name is too long"))?;
        self.octets(&[kind])?;
        self.octets(&name_len.to_be_bytes())?;
        self.octets(name.as_bytes())?;
        self.octets(&bytes.to_be_bytes())?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<u64> {
        let failed = |error: io::Error| Error::from_io("backup", &error);
        let mut file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        self.head(b'S', STORE_FILE, bytes)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut copied: u64 = 0;
        loop {
            let read = file.read(&mut buffer).map_err(failed)?;
            let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
            self.octets(piece)?;
            copied = copied.saturating_add(u64::try_from(read).unwrap_or(0));
        }
        if copied == bytes { Ok(bytes) } else { Err(bad("the snapshot changed while it was copied")) }
    }

    fn blob(&mut self, hash: BlobHash, content: &[u8]) -> Result<()> {
        self.head(b'B', &hash.to_string(), u64::try_from(content.len()).unwrap_or(u64::MAX))?;
        self.octets(content)
    }

    fn end(mut self) -> Result<()> {
        self.octets(b"E")?;
        self.octets(&self.count.to_be_bytes())?;
        let hash = self.hash.finish();
        let failed = |error: io::Error| Error::from_io("backup", &error);
        self.out.write_all(hash.as_ref()).map_err(failed)?;
        let out = self.out.finish().map_err(|error| Error::Engine(format!("backup: {error}")))?;
        out.flush().map_err(failed)
    }
}

/// Reads octets and keeps their hash.
struct Hashed<R> {
    inner: R,
    hash: digest::Context,
}

impl<R: Read> Hashed<R> {
    /// The next `len` octets, hashed; memory grows only with what really comes.
    fn exactly(&mut self, len: usize) -> Result<Vec<u8>> {
        let octets = self.unhashed(len)?;
        self.hash.update(&octets);
        Ok(octets)
    }

    fn unhashed(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut octets = Vec::new();
        let limit = u64::try_from(len).unwrap_or(u64::MAX);
        let read = self.inner.by_ref().take(limit).read_to_end(&mut octets);
        match read {
            Ok(read) if read == len => Ok(octets),
            Ok(_) => Err(bad("it ends too early")),
            Err(error) => Err(bad(&format!("damaged: {error}"))),
        }
    }

    fn octet(&mut self) -> Result<u8> {
        self.exactly(1)?.first().copied().ok_or_else(|| bad("it ends too early"))
    }

    fn number(&mut self) -> Result<u64> {
        let octets: [u8; 8] = self.exactly(8)?.try_into().map_err(|_| bad("it ends too early"))?;
        Ok(u64::from_be_bytes(octets))
    }

    fn name(&mut self) -> Result<String> {
        let len: [u8; 2] = self.exactly(2)?.try_into().map_err(|_| bad("it ends too early"))?;
        let len = usize::from(u16::from_be_bytes(len));
        if len > NAME_BYTES_MAX {
            return Err(bad("damaged: a name is too long"));
        }
        String::from_utf8(self.exactly(len)?).map_err(|_| bad("damaged: a name is not text"))
    }

    fn check_hash(mut self) -> Result<()> {
        let written = self.unhashed(digest::SHA256_OUTPUT_LEN)?;
        let hash = self.hash.finish();
        if hash.as_ref() == written { Ok(()) } else { Err(bad("damaged: its checksum is wrong")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::Table;

    const TABLE: Table = Table("t");

    fn filled(dir: &Path) -> (Store, Blobs, BlobHash) {
        let store = Store::open_or_create(&dir.join(STORE_FILE)).unwrap();
        store.update_blocking(|tx| tx.put(TABLE, b"key", b"value")).unwrap();
        let blobs = Blobs::open(dir, Clock::default()).unwrap();
        let hash = blobs.put_blocking(b"a mail").unwrap();
        (store, blobs, hash)
    }

    fn backup_of(dir: &Path) -> (Vec<u8>, BlobHash) {
        let (store, blobs, hash) = filled(dir);
        let mut file = Vec::new();
        let amount = write(&store, &blobs, dir, &mut file, &mut |_| {}).unwrap();
        assert_eq!(amount.blobs, 1);
        assert!(!dir.join("backup-snapshot.redb").exists());
        (file, hash)
    }

    #[test]
    fn p24_what_was_backed_up_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (file, hash) = backup_of(dir.path());
        let target = dir.path().join("restored");
        let amount = read(&mut file.as_slice(), &target, &mut |_| {}).unwrap();
        assert_eq!(amount.blobs, 1);
        let store = Store::open(&target.join(STORE_FILE)).unwrap();
        assert_eq!(store.view(|tx| tx.get(TABLE, b"key")).unwrap().unwrap(), b"value");
        let blobs = Blobs::open(&target, Clock::default()).unwrap();
        assert_eq!(blobs.get_blocking(hash).unwrap(), b"a mail");
        let again = read(&mut file.as_slice(), &target, &mut |_| {}).unwrap_err();
        assert!(again.to_string().contains("is not empty"), "{again}");
    }

    #[test]
    fn p24_a_cut_or_damaged_backup_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (file, _) = backup_of(dir.path());
        let target = dir.path().join("restored");
        for cut in [0, 1, 20, file.len() / 2, file.len() - 10] {
            read(&mut &file[..cut], &target, &mut |_| {}).unwrap_err();
            assert!(!target.exists(), "cut at {cut}");
        }
        for at in (0..file.len()).step_by(file.len() / 40) {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            if read(&mut damaged.as_slice(), &target, &mut |_| {}).is_ok() {
                // A bit of the frame's own head that means nothing: then all of it must be right.
                assert!(Store::open(&target.join(STORE_FILE)).is_ok(), "damaged at {at}");
                fs::remove_dir_all(&target).unwrap();
            } else {
                assert!(!target.exists(), "damaged at {at}");
            }
        }
    }
}
