//! Address fields as lists of people (RFC 5322 §3.4, RFC 6854).

use crate::domain::address::Address;
use crate::mail::clean;
use crate::mail::limits::ADDRESSES_MAX;
use crate::mail::message::NamedAddress;
use crate::mail::message::fields;

/// What an address field held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mail) struct AddressList {
    /// The readable ones, in order.
    pub(in crate::mail) people: Vec<NamedAddress>,
    /// Group syntax was used.
    pub(in crate::mail) is_group: bool,
    /// There were more than [`ADDRESSES_MAX`].
    pub(in crate::mail) was_cut: bool,
    /// A name needed cleaning of more than white space.
    pub(in crate::mail) was_suspect: bool,
}

/// Reads one field's value. What is no address is left out; the raw message still shows it.
pub(in crate::mail) fn read(value: &[u8]) -> AddressList {
    let Some(parsed) = fields::addresses(value) else { return AddressList::default() };
    let mut list = AddressList { is_group: parsed.as_group().is_some(), ..AddressList::default() };
    for entry in parsed.iter() {
        if list.people.len() >= ADDRESSES_MAX {
            list.was_cut = true;
            break;
        }
        let written = entry.address().or(entry.name()).unwrap_or("");
        let Some(address) = Address::parse(written.trim_matches(['<', '>', ' '])) else { continue };
        let name = entry.address().and(entry.name()).unwrap_or("");
        list.was_suspect |= clean::is_suspect(name);
        list.people.push(NamedAddress { name: clean::name(name), address });
    }
    list
}

/// Whether a display name holds an address of its own that is not the real one (FAULTS 23).
pub(in crate::mail) fn name_is_other_address(person: &NamedAddress) -> bool {
    person
        .name
        .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '"' | '\'' | ',' | '[' | ']'))
        .filter(|word| word.contains('@'))
        .filter_map(Address::parse)
        .any(|named| named != person.address && named.domain().contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[(&str, &str)]) {
        let list = read(value.as_bytes());
        let seen: Vec<_> = list.people.iter().map(|p| (p.name.clone(), p.address.to_string())).collect();
        let expected: Vec<_> = expected.iter().map(|(n, a)| ((*n).to_owned(), (*a).to_owned())).collect();
        assert_eq!(seen, expected, "{value:?}");
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        check("Ana <Ana@Example.com>", &[("Ana", "ana@example.com")]);
        check("ana@example.com", &[("", "ana@example.com")]);
        check("a@b.c, \"B, Bo\" <b@b.c>", &[("", "a@b.c"), ("B, Bo", "b@b.c")]);
        check("=?utf-8?q?J=C3=BCrg?= <j@b.c>", &[("Jürg", "j@b.c")]);
        check("Undisclosed recipients:;", &[]);
        check("<>", &[]);
        check("Team: a@b.c, b@b.c;", &[("", "a@b.c"), ("", "b@b.c")]);
    }

    #[test]
    fn trap_lettre_names_with_line_breaks_are_clean_on_arrival() {
        let list = read(b"=?utf-8?q?Evil=0D=0ABcc:_v@v.v?= <a@b.c>");
        assert_eq!(list.people[0].name, "Evil Bcc: v@v.v");
        assert!(list.was_suspect);
    }

    #[test]
    fn a_name_that_is_another_address_is_told() {
        let person =
            |name: &str| NamedAddress { name: name.to_owned(), address: Address::parse("evil@x.example").unwrap() };
        assert!(name_is_other_address(&person("boss@corp.example")));
        assert!(name_is_other_address(&person("Boss (boss@corp.example)")));
        assert!(!name_is_other_address(&person("evil@x.example")));
        assert!(!name_is_other_address(&person("Ana @ Work")));
    }
}
