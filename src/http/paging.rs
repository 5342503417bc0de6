//! Cursor paging (API-7): what a page request says and what a page answers.
//!
//! A cursor is a position in the sort, not a row number: it names the last row of the page before, so that rows that do
//! not change are neither skipped nor repeated while paging. It is opaque to clients.

use crate::http::error::ApiError;
use crate::http::error::Result;
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use serde_json::json;

/// Most rows of a page.
pub(crate) const PER_PAGE_MAX: usize = 150;
/// Rows of a page where nothing is said.
pub(crate) const PER_PAGE_DEFAULT: usize = 20;
/// Rows of a page of contacts where nothing is said.
pub(crate) const PER_PAGE_CONTACTS: usize = 50;

/// Where in the sort a page begins: behind the row with these numbers.
type Position = [u64; 2];

/// A page as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageAsked {
    pub(crate) per_page: usize,
    number: u64,
    after: Option<Position>,
}

impl PageAsked {
    /// Reads `per_page` and `starting_after` as they were sent.
    ///
    /// # Errors
    /// `invalid_per_page` outside 1..=150, `client_error` for a cursor that is not ours.
    pub(crate) fn read(per_page: Option<&str>, starting_after: Option<&str>, default: usize) -> Result<Self> {
        let per_page = match per_page {
            None => default,
            Some(text) => text.parse().ok().filter(|n| (1..=PER_PAGE_MAX).contains(n)).ok_or_else(|| {
                ApiError::field("invalid_per_page", "per_page", format!("'per_page' takes 1 to {PER_PAGE_MAX}"))
            })?,
        };
        let (number, after) = match starting_after {
            None | Some("") => (1, None),
            Some(cursor) => {
                let bad =
                    || ApiError::field("client_error", "starting_after", "'starting_after' is not a cursor of ours");
                let (number, after) = read_cursor(cursor).ok_or_else(bad)?;
                (number, Some(after))
            }
        };
        Ok(Self { per_page, number, after })
    }

    /// The position of rows that are sorted by two numbers.
    pub(crate) fn after_pair(&self) -> Option<(u64, u64)> {
        self.after.map(|[first, second]| (first, second))
    }

    /// The position of rows that are sorted by one number.
    pub(crate) fn after_one(&self) -> Option<u64> {
        self.after.map(|[first, _]| first)
    }

    /// `pages` of the answer. `last` is the position of the page's last row, given when there are more rows behind it.
    pub(crate) fn pages(&self, total: u64, last: Option<Position>) -> Value {
        let per_page = u64::try_from(self.per_page).unwrap_or(u64::MAX).max(1);
        let mut pages = json!({
            "type": "pages",
            "page": self.number,
            "per_page": per_page,
            "total_pages": total.div_ceil(per_page),
        });
        if let (Some(last), Some(pages)) = (last, pages.as_object_mut()) {
            let cursor = write_cursor(self.number.saturating_add(1), last);
            pages.insert("next".to_owned(), json!({"per_page": per_page, "starting_after": cursor}));
        }
        pages
    }
}

/// A page by its number, as older clients ask for short lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberedPage {
    number: usize,
    per_page: usize,
}

impl NumberedPage {
    /// Reads `page` and `per_page` as they were sent.
    ///
    /// # Errors
    /// `parameter_invalid` for a page before the first, `invalid_per_page` outside 1..=150.
    pub(crate) fn read(page: Option<&str>, per_page: Option<&str>, default: usize) -> Result<Self> {
        let per_page = PageAsked::read(per_page, None, default)?.per_page;
        let number = page.map_or(Some(1), |text| text.parse().ok().filter(|number| *number > 0));
        let number =
            number.ok_or_else(|| ApiError::field("parameter_invalid", "page", "'page' takes a number from 1 on"))?;
        Ok(Self { number, per_page })
    }

    /// Rows up to the end of the page.
    pub(crate) fn end(&self) -> usize {
        self.number.saturating_mul(self.per_page)
    }

    /// The rows of the page out of all, or out of those up to [`NumberedPage::end`].
    pub(crate) fn of<'a, T>(&self, rows: &'a [T]) -> impl Iterator<Item = &'a T> + use<'a, T> {
        rows.iter().skip(self.end().saturating_sub(self.per_page)).take(self.per_page)
    }

    /// `pages` of the answer.
    pub(crate) fn pages(&self, total: u64) -> Value {
        let per_page = u64::try_from(self.per_page).unwrap_or(u64::MAX).max(1);
        json!({"type": "pages", "page": self.number, "per_page": per_page, "total_pages": total.div_ceil(per_page)})
    }
}

fn write_cursor(number: u64, [first, second]: Position) -> String {
    BASE64URL_NOPAD.encode(format!("{number}.{first}.{second}").as_bytes())
}

fn read_cursor(cursor: &str) -> Option<(u64, Position)> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?).ok()?;
    let mut numbers = text.split('.').map(|number| number.parse::<u64>().ok());
    let read = (numbers.next()??, [numbers.next()??, numbers.next()??]);
    numbers.next().is_none().then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_7_pages_by_number_end() {
        let rows = [1, 2, 3];
        let page = |text| NumberedPage::read(Some(text), Some("2"), 15).unwrap().of(&rows).copied().collect::<Vec<_>>();
        assert_eq!((page("1"), page("2"), page("3")), (vec![1, 2], vec![3], vec![]));
        assert!(NumberedPage::read(Some("0"), None, 15).is_err() && NumberedPage::read(Some("x"), None, 15).is_err());
        assert_eq!(NumberedPage::read(None, Some("2"), 15).unwrap().pages(3)["total_pages"], json!(2));
    }

    #[test]
    fn tst_113_per_page_has_bounds_and_cursors_are_ours() {
        for (per_page, accepted) in
            [(None, Some(20)), (Some("1"), Some(1)), (Some("150"), Some(150)), (Some("151"), None), (Some("0"), None)]
        {
            let read = PageAsked::read(per_page, None, PER_PAGE_DEFAULT);
            assert_eq!(read.as_ref().ok().map(|page| page.per_page), accepted, "{per_page:?}");
            assert!(read.is_ok() || read.unwrap_err().code == "invalid_per_page");
        }
        for bad in ["x", "AAAA", "MS4y", &write_cursor(1, [2, 3]).to_lowercase()] {
            assert_eq!(PageAsked::read(None, Some(bad), 20).map_err(|e| e.code), Err("client_error"), "{bad:?}");
        }
    }

    #[test]
    fn api_7_next_leads_to_the_row_behind_and_the_last_page_has_none() {
        let first = PageAsked::read(Some("2"), None, 20).unwrap();
        let pages = first.pages(5, Some([1_767_225_600_123, 42]));
        assert_eq!((pages["page"].clone(), pages["total_pages"].clone()), (json!(1), json!(3)));
        let second = PageAsked::read(Some("2"), pages["next"]["starting_after"].as_str(), 20).unwrap();
        assert_eq!(second.after_pair(), Some((1_767_225_600_123, 42)));
        assert_eq!(second.pages(5, None).get("next"), None);
        assert_eq!(second.pages(5, None)["page"], json!(2));
    }
}
