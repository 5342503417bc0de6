//! Senders by address or domain, as a configuration names them: whom mail lists are believed from (EML-24), whose mail is
//! spam (EML-26).

use crate::domain::address::Address;

/// Addresses and domains; a domain stands for all below it as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderList(Vec<Named>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Address(Address),
    Domain(String),
}

impl SenderList {
    /// Adds `ana@example.net`, or `@example.net` for everybody there. Whether `text` is one of both.
    #[must_use]
    pub fn add(&mut self, text: &str) -> bool {
        let named = match text.trim().strip_prefix('@') {
            // The domain of an address is read as one of an address.
            Some(domain) => {
                Address::parse(&format!("x@{domain}")).map(|known| Named::Domain(known.domain().to_owned()))
            }
            None => Address::parse(text).map(Named::Address),
        };
        let is_one = named.is_some();
        self.0.extend(named);
        is_one
    }

    /// Whether `sender` is named here, or its domain, or one above it.
    #[must_use]
    pub fn names(&self, sender: &Address) -> bool {
        let is_below = |domain: &str| {
            let above = sender.domain().strip_suffix(domain);
            above.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        self.0.iter().any(|named| match named {
            Named::Address(address) => address == sender,
            Named::Domain(domain) => is_below(domain),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_named_by_address_by_domain_or_by_a_domain_above() {
        let mut list = SenderList::default();
        assert!(list.add("news@example.net") && list.add("@Lists.Example.org"));
        for (sender, named) in [
            ("news@example.net", true),
            ("NEWS@EXAMPLE.NET", true),
            ("other@example.net", false),
            ("a@lists.example.org", true),
            ("a@deep.lists.example.org", true),
            ("a@example.org", false),
            ("a@evillists.example.org", false),
        ] {
            assert_eq!(list.names(&Address::parse(sender).unwrap()), named, "{sender}");
        }
        assert!(!SenderList::default().names(&Address::parse("a@b.example").unwrap()));
    }

    #[test]
    fn what_is_neither_is_said() {
        for bad in ["", "@", "example.net", "@a b", "a@", "@a@b"] {
            assert!(!SenderList::default().add(bad), "{bad}");
        }
    }
}
