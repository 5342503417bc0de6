//! What the relay offers in its answer to EHLO (RFC 5321 §4.1.1.1).

use crate::channel::smtp_out::reply::Reply;
use lettre::transport::smtp::authentication::Mechanism;

/// Whether the relay wants to know how large a message is, and how large it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Size {
    /// It did not say.
    #[default]
    NotOffered,
    /// As large as it likes.
    Unlimited,
    /// So many bytes.
    AtMost(usize),
}

/// Extensions that matter to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a relay offers each of them or does not")]
pub(crate) struct Offers {
    /// STARTTLS (RFC 3207).
    pub(crate) start_tls: bool,
    /// 8BITMIME (RFC 6152).
    pub(crate) eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub(crate) utf8: bool,
    /// PIPELINING (RFC 2920).
    pub(crate) pipelining: bool,
    /// SIZE (RFC 1870).
    pub(crate) size: Size,
    /// AUTH with access tokens, as Google and Microsoft have it.
    pub(crate) xoauth2: bool,
    /// AUTH (RFC 4954) with the mechanisms we can use, best first.
    pub(crate) auth: Vec<Mechanism>,
}

impl Offers {
    /// Reads the reply to EHLO; its first line is the relay's name.
    pub(crate) fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines().iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.start_tls = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("PIPELINING") => offers.pipelining = true,
                Some("SIZE") => {
                    let limit = words.next().and_then(|number| number.parse().ok()).filter(|bytes| *bytes > 0);
                    offers.size = limit.map_or(Size::Unlimited, Size::AtMost);
                }
                Some("AUTH") => offers.read_auth(&words.collect::<Vec<_>>()),
                _ => {}
            }
        }
        offers
    }

    fn read_auth(&mut self, words: &[&str]) {
        self.xoauth2 = words.contains(&"XOAUTH2");
        let known = [("PLAIN", Mechanism::Plain), ("LOGIN", Mechanism::Login)];
        self.auth = known.into_iter().filter(|(word, _)| words.contains(word)).map(|(_, it)| it).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::smtp_out::reply::ReplyLine;

    fn reply(lines: &[&str]) -> Reply {
        let mut lines = lines.iter().map(|line| ReplyLine::parse(line.as_bytes()).unwrap());
        let (mut reply, _) = Reply::begin(lines.next().unwrap());
        lines.for_each(|line| assert!(reply.add(line).is_some()));
        reply
    }

    #[test]
    fn extensions_are_read_in_any_case_and_order() {
        let read = Offers::read(&reply(&[
            "250-STARTTLS.example greets you",
            "250-size 1000",
            "250-AUTH XOAUTH2 login Plain",
            "250-   ",
            "250-8BitMIME",
            "250-Pipelining",
            "250 SMTPUTF8",
        ]));
        let auth = vec![Mechanism::Plain, Mechanism::Login];
        let some = Offers { eight_bit: true, utf8: true, pipelining: true, xoauth2: true, ..Offers::default() };
        assert_eq!(read, Offers { size: Size::AtMost(1000), auth, ..some });
    }

    #[test]
    fn a_size_of_zero_or_none_is_no_limit() {
        for line in ["250 SIZE", "250 SIZE 0", "250 SIZE lots"] {
            assert_eq!(Offers::read(&reply(&["250-x", line])).size, Size::Unlimited, "{line}");
        }
    }
}
