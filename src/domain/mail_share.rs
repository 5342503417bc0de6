//! Which mail goes out by which relay: each relay has its share of the addresses that mail goes out from (EML-66).
//!
//! **Invariant:** the shares of a configuration divide all addresses, those included that are no longer configured: each is
//! in exactly one of them, so that no mail waits for a relay that nobody asks.

use crate::domain::address::Address;

/// The mail one relay takes, by the support address it goes out from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MailShare {
    /// All of it: there is one relay, or none.
    #[default]
    All,
    /// From these addresses alone.
    From(Vec<Address>),
    /// From every address but these.
    NotFrom(Vec<Address>),
}

impl MailShare {
    /// Whether mail from an address is in it; `is` says whether one of the share's addresses is meant.
    #[must_use]
    pub fn takes_where(&self, is: impl Fn(&Address) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::From(addresses) => addresses.iter().any(is),
            Self::NotFrom(addresses) => !addresses.iter().any(is),
        }
    }

    /// Whether mail from that address is in it.
    #[must_use]
    pub fn takes(&self, from: &Address) -> bool {
        self.takes_where(|address| address == from)
    }
}

/// The share of each relay, in order: an address goes to the relay it names, every other one to the first relay.
#[must_use]
pub fn divide(relays: &[String], routes: &[(Address, String)]) -> Vec<MailShare> {
    let Some((first, others)) = relays.split_first() else { return vec![MailShare::All] };
    if others.is_empty() {
        return vec![MailShare::All];
    }
    let of = |relay: &String| -> Vec<Address> {
        routes.iter().filter(|(_, named)| named == relay).map(|(address, _)| address.clone()).collect()
    };
    let elsewhere = routes.iter().filter(|(_, named)| named != first && others.contains(named));
    let first = MailShare::NotFrom(elsewhere.map(|(address, _)| address.clone()).collect());
    std::iter::once(first).chain(others.iter().map(|relay| MailShare::From(of(relay)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_in_exactly_one_share() {
        let address = |text: &str| Address::parse(text).unwrap();
        let relays = ["one", "two", "three"].map(str::to_owned);
        let routes = [
            (address("a@x.example"), "one".to_owned()),
            (address("b@x.example"), "two".to_owned()),
            (address("c@x.example"), "two".to_owned()),
        ];
        let shares = divide(&relays, &routes);
        let expected = [("a@x.example", 0), ("b@x.example", 1), ("c@x.example", 1), ("former@x.example", 0)];
        for (from, relay) in expected {
            let takers: Vec<usize> = (0..shares.len()).filter(|at| shares[*at].takes(&address(from))).collect();
            assert_eq!(takers, [relay], "{from}");
        }
        assert_eq!(divide(&relays[..1], &routes), [MailShare::All]);
        assert_eq!(divide(&[], &routes), [MailShare::All]);
    }
}
