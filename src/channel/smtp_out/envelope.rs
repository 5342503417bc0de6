//! The commands of one transaction, written before the relay is told anything.
//!
//! RFC 5321 §4.1.1.2 and §4.1.1.3, RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 (SMTPUTF8).
//!
//! **Invariant:** a mail whose envelope cannot be written is refused here, with a sentence; no address can panic the
//! worker or add a command of its own.

use crate::channel::smtp_out::offers::Offers;
use crate::channel::smtp_out::offers::Size;
use crate::channel::smtp_out::text;
use crate::desk::mail::outbox::OutgoingMail;
use crate::domain::address::Address;
use lettre::transport::smtp::commands::Mail;
use lettre::transport::smtp::commands::Rcpt;
use lettre::transport::smtp::extension::MailBodyParameter;
use lettre::transport::smtp::extension::MailParameter;
use std::panic::catch_unwind;

/// MAIL and RCPT as they go over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// `MAIL FROM:<…> …`
    pub(crate) mail: String,
    /// `RCPT TO:<…>`
    pub(crate) rcpt: String,
}

impl Envelope {
    /// Writes the envelope of `mail` for a relay with these `offers`.
    ///
    /// # Errors
    /// A sentence on why this mail cannot be handed to this relay.
    pub(crate) fn of(mail: &OutgoingMail, offers: &Offers) -> Result<Self, String> {
        if let Some(why) = text::unsafe_because(&mail.bytes) {
            return Err(format!("cannot be sent safely: {why}"));
        }
        if let Size::AtMost(limit) = offers.size
            && mail.bytes.len() > limit
        {
            return Err(format!("too large: {} bytes, and the relay takes {limit}", mail.bytes.len()));
        }
        let from = written(&mail.reverse_path)?;
        let to = written(&mail.recipient)?;
        let parameters = parameters(mail, offers)?;
        let lines = catch_unwind(|| (Mail::new(Some(from), parameters).to_string(), Rcpt::new(to, vec![]).to_string()));
        let (mail, rcpt) = lines.map_err(|_| "cannot be sent safely: its envelope cannot be written".to_owned())?;
        if [&mail, &rcpt].into_iter().any(|line| line.trim_end().contains(char::is_control)) {
            return Err("cannot be sent safely: its envelope holds a control character".to_owned());
        }
        Ok(Self { mail, rcpt })
    }
}

/// An address as lettre takes it. Local parts such as `a..b`, which some providers give out, need quotes.
fn written(address: &Address) -> Result<lettre::Address, String> {
    let (local, domain) = (address.local(), address.domain());
    let read = catch_unwind(|| {
        lettre::Address::new(local, domain).or_else(|_| lettre::Address::new(format!("\"{local}\""), domain))
    });
    match read {
        Ok(Ok(address)) => Ok(address),
        Ok(Err(_)) | Err(_) => Err(format!("{:?} is no address that can be mailed", address.to_string())),
    }
}

fn parameters(mail: &OutgoingMail, offers: &Offers) -> Result<Vec<MailParameter>, String> {
    let mut parameters = Vec::new();
    if offers.size != Size::NotOffered {
        parameters.push(MailParameter::Size(mail.bytes.len()));
    }
    if !mail.bytes.is_ascii() {
        if !offers.eight_bit {
            return Err("the relay takes 7-bit mail only (no 8BITMIME)".to_owned());
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    if [&mail.reverse_path, &mail.recipient].into_iter().any(|address| !address.local().is_ascii()) {
        if !offers.utf8 {
            return Err(format!("the relay does not take addresses such as {} (no SMTPUTF8)", mail.recipient));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::DeliveryId;

    fn mail(from: &str, to: &str, bytes: &[u8]) -> OutgoingMail {
        let restored = |text: &str| {
            let (local, domain) = text.rsplit_once('@').unwrap();
            Address::restored(local.to_owned(), domain.to_owned())
        };
        OutgoingMail {
            delivery: DeliveryId(1),
            reverse_path: restored(from),
            recipient: restored(to),
            message_id: "1@example.com".to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn the_envelope_says_what_the_relay_offers() {
        let all = Offers { eight_bit: true, utf8: true, size: Size::Unlimited, ..Offers::default() };
        let cases = [
            (
                "b@localhost",
                "a@b.example",
                &b"x\r\n"[..],
                Offers::default(),
                "MAIL FROM:<b@localhost>\r\n",
                "a@b.example",
            ),
            ("b@x.example", "a@b.example", b"x\r\n", all.clone(), "MAIL FROM:<b@x.example> SIZE=3\r\n", "a@b.example"),
            (
                "b@x.example",
                "a@b.example",
                b"\xff\r\n",
                all.clone(),
                "MAIL FROM:<b@x.example> SIZE=3 BODY=8BITMIME\r\n",
                "a@b.example",
            ),
            (
                "b@x.example",
                "j\u{f6}@b.example",
                b"x\r\n",
                all,
                "MAIL FROM:<b@x.example> SIZE=3 SMTPUTF8\r\n",
                "j\u{f6}@b.example",
            ),
            (
                "b@x.example",
                "a..b@c.example",
                b"x\r\n",
                Offers::default(),
                "MAIL FROM:<b@x.example>\r\n",
                "\"a..b\"@c.example",
            ),
        ];
        for (from, to, bytes, offers, line, rcpt) in cases {
            let envelope = Envelope::of(&mail(from, to, bytes), &offers).unwrap();
            assert_eq!((envelope.mail.as_str(), envelope.rcpt), (line, format!("RCPT TO:<{rcpt}>\r\n")));
        }
    }

    #[test]
    fn what_the_relay_cannot_take_or_nobody_should_is_refused_with_a_sentence() {
        let small = Offers { size: Size::AtMost(2), ..Offers::default() };
        let cases = [
            ("b@x.example", "a@b.example", &b"A\n.\nB\r\n"[..], Offers::default(), "cannot be sent safely"),
            ("b@x.example", "a@b.example", b"x\r\n", small, "too large"),
            ("b@x.example", "a@b.example", b"\xff\r\n", Offers::default(), "8BITMIME"),
            ("b@x.example", "j\u{f6}@b.example", b"x\r\n", Offers::default(), "SMTPUTF8"),
            ("b@x.example", "a>\r\nRCPT TO:<evil@b.example", b"x\r\n", Offers::default(), "no address"),
            ("b@x.example\r\nDATA", "a@b.example", b"x\r\n", Offers::default(), "no address"),
            ("b@x.example", "nul\0@b.example", b"x\r\n", Offers::default(), "no address"),
            ("b@x.example", "@b.example", b"x\r\n", Offers::default(), "no address"),
        ];
        for (from, to, bytes, offers, why) in cases {
            let refused = Envelope::of(&mail(from, to, bytes), &offers).unwrap_err();
            assert!(refused.contains(why), "{to:?}: {refused}");
        }
    }
}
