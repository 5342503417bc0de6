//! The store's version and the steps from one to the next; run once after opening, before anything else is written.
//!
//! A migration goes in steps with a cursor, each step one transaction: a step stays near 100 puts, and a process killed
//! between two steps goes on where it was.
//!
//! **Invariant:** a store of a later version is left as it is. A migration never changes once released; `MIGRATIONS`
//! only grows, with [`SCHEMA`].

use crate::store::Store;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::meta;
use crate::store::record;
use crate::store::tables::META;

/// Version of the store that this program writes.
pub const SCHEMA: u32 = 1;

const SCHEMA_KEY: &[u8] = b"schema";
const CURSOR_KEY: &[u8] = b"migration_cursor";

/// One bounded step: gets where the last one stopped (empty at first), returns where the next one goes on, `None` when
/// all is done.
type Step = fn(&mut dyn WriteTx, &[u8]) -> Result<Option<Vec<u8>>>;

/// The way from one version to the next.
#[derive(Debug)]
pub(crate) struct Migration {
    /// Version it begins with; it leads to the next.
    pub(crate) from: u32,
    pub(crate) step: Step,
}

/// Every migration, in order.
const MIGRATIONS: &[Migration] = &[];

/// Brings the store to [`SCHEMA`]; marks a new one with it. Returns the version that was found, `None` for a new store.
///
/// # Errors
/// `Newer` for a store that a later program wrote; `Corrupt` for a store that has content and no version.
pub fn run(store: &Store) -> Result<Option<u32>> {
    run_to(store, MIGRATIONS, SCHEMA)
}

fn run_to(store: &Store, migrations: &'static [Migration], known: u32) -> Result<Option<u32>> {
    let found = store.view(|tx| meta::version(tx, SCHEMA_KEY))?;
    while !store.update_blocking(move |tx| advance(tx, migrations, known))? {}
    Ok(found)
}

/// One step; returns whether the store is at `known`.
fn advance(tx: &mut dyn WriteTx, migrations: &[Migration], known: u32) -> Result<bool> {
    let Some(found) = meta::version(&*tx, SCHEMA_KEY)? else {
        if meta::highest_id(&*tx)? > 0 {
            return Err(record::corrupt(META, SCHEMA_KEY, "a store with content and without version"));
        }
        tx.put(META, SCHEMA_KEY, &known.to_be_bytes())?;
        return Ok(true);
    };
    if found > known {
        return Err(Error::Newer { found, known });
    }
    if found == known {
        return Ok(true);
    }
    let migration = migrations.iter().find(|migration| migration.from == found);
    let migration = migration.ok_or_else(|| Error::Engine(format!("no way from store version {found} to {known}")))?;
    let cursor = tx.get(META, CURSOR_KEY)?.unwrap_or_default();
    match (migration.step)(tx, &cursor)? {
        Some(next) => tx.put(META, CURSOR_KEY, &next)?,
        None => {
            tx.delete(META, CURSOR_KEY)?;
            tx.put(META, SCHEMA_KEY, &found.saturating_add(1).to_be_bytes())?;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::Table;
    use crate::store::key;

    const THINGS: Table = Table("things");

    /// Doubles one value per step, to be seen at work.
    fn double(tx: &mut dyn WriteTx, cursor: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some((key, value)) = tx.scan(THINGS, cursor, key::END, 1)?.pop() else { return Ok(None) };
        let doubled = key::number(&value).unwrap() * 2;
        tx.put(THINGS, &key, &key::one(doubled))?;
        Ok(Some(key::after(&key)))
    }

    fn fail_at_three(tx: &mut dyn WriteTx, cursor: &[u8]) -> Result<Option<Vec<u8>>> {
        if key::number_at(cursor, 0) == Some(2) { Err(Error::Full) } else { double(tx, cursor) }
    }

    static TO_3: &[Migration] = &[Migration { from: 1, step: double }, Migration { from: 2, step: double }];
    static FAILING: &[Migration] = &[Migration { from: 1, step: fail_at_three }];

    fn store_of_version_1() -> Store {
        let store = Store::in_memory().unwrap();
        assert_eq!(run_to(&store, &[], 1), Ok(None));
        store.update_blocking(|tx| (1..=5).try_for_each(|n| tx.put(THINGS, &key::one(n), &key::one(10 * n)))).unwrap();
        store
    }

    fn values(store: &Store) -> Vec<u64> {
        let pairs = store.view(|tx| tx.scan(THINGS, &[], key::END, 100)).unwrap();
        pairs.iter().map(|(_, value)| key::number(value).unwrap()).collect()
    }

    #[test]
    fn a_new_store_gets_the_version_and_keeps_it() {
        let store = Store::in_memory().unwrap();
        assert_eq!(run(&store), Ok(None));
        assert_eq!(run(&store), Ok(Some(SCHEMA)));
    }

    #[test]
    fn an_older_store_is_brought_up_step_by_step_once() {
        let store = store_of_version_1();
        assert_eq!(run_to(&store, TO_3, 3), Ok(Some(1)));
        assert_eq!(values(&store), [40, 80, 120, 160, 200]);
        assert_eq!(run_to(&store, TO_3, 3), Ok(Some(3)));
        assert_eq!(values(&store), [40, 80, 120, 160, 200]);
    }

    #[test]
    fn a_migration_that_was_interrupted_goes_on_where_it_was() {
        let store = store_of_version_1();
        assert_eq!(run_to(&store, FAILING, 2), Err(Error::Full));
        assert_eq!(values(&store), [20, 40, 30, 40, 50]);
        assert_eq!(run_to(&store, TO_3, 2), Ok(Some(1)));
        assert_eq!(values(&store), [20, 40, 60, 80, 100]);
    }

    #[test]
    fn a_newer_store_is_refused_in_a_sentence_and_left_alone() {
        let store = store_of_version_1();
        run_to(&store, TO_3, 3).unwrap();
        let refused = run(&store).unwrap_err();
        assert_eq!(refused, Error::Newer { found: 3, known: SCHEMA });
        assert!(refused.to_string().contains("version 3"), "{refused}");
        assert_eq!(values(&store), [40, 80, 120, 160, 200]);
    }

    #[test]
    fn content_without_a_version_is_damage_not_a_new_store() {
        let store = Store::in_memory().unwrap();
        store.update_blocking(|tx| meta::note_id(tx, 7)).unwrap();
        assert!(matches!(run(&store), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn every_version_below_this_one_has_a_way_up() {
        let from: Vec<u32> = MIGRATIONS.iter().map(|migration| migration.from).collect();
        assert_eq!(from, (1..SCHEMA).collect::<Vec<u32>>());
    }
}
