//! Sample mails, as customers, their programs and mail servers send them.

/// Writes about a login, twice.
pub(super) const ANA: &str = "ana@example.net";
/// Writes HTML and attaches a file.
pub(super) const BEN: &str = "ben@example.org";
/// Is answered by mail, and answers.
pub(super) const CHEN: &str = "chen@example.com";
/// Writes Latin-1 and gives no name.
pub(super) const NAMELESS: &str = "orders@example.edu";

/// Message-IDs, by which a mail is found again.
pub(super) const SIGN_IN: &str = "sign-in.1@example.net";
pub(super) const SIGN_IN_MORE: &str = "sign-in.2@example.net";
pub(super) const INVOICE: &str = "invoice.17@example.org";
pub(super) const LOGIN: &str = "login-page@example.com";
pub(super) const PARCEL: &str = "parcel.4711@example.edu";
pub(super) const VACATION: &str = "vacation@example.org";
pub(super) const BOUNCE: &str = "bounce@mx.example.net";

/// A mail with its envelope.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// `MAIL FROM`; empty is the null reverse-path of automatic mail.
    pub(super) from: &'static str,
    pub(super) message_id: &'static str,
    /// LF line ends.
    pub(super) text: String,
}

/// The mails in the order they come; the last one is the first one again.
pub(super) fn letters(support: &str) -> Vec<Letter> {
    let letter = |from, message_id, text: &str| Letter { from, message_id, text: text.replace("SUPPORT", support) };
    vec![
        letter(ANA, SIGN_IN, SIGN_IN_TEXT),
        letter(ANA, SIGN_IN_MORE, SIGN_IN_MORE_TEXT),
        letter(BEN, INVOICE, INVOICE_TEXT),
        letter(CHEN, LOGIN, LOGIN_TEXT),
        letter(NAMELESS, PARCEL, PARCEL_TEXT),
        letter("", VACATION, VACATION_TEXT),
        letter("", BOUNCE, BOUNCE_TEXT),
        letter(ANA, SIGN_IN, SIGN_IN_TEXT),
    ]
}

/// An answer that names nothing of what it answers: only the address it is sent to can tell where it belongs.
pub(super) fn answer(reply_to: &str) -> String {
    format!(
        "From: Chen <{CHEN}>\nTo: {reply_to}\nSubject: It works\nMessage-ID: <it-works@example.com>\n\
         Date: Mon, 5 Jan 2026 10:40:00 +0100\nContent-Type: text/plain; charset=utf-8\n\n\
         Clearing the cache helped, thank you!\n"
    )
}

const SIGN_IN_TEXT: &str = "\
From: Ana <ana@example.net>
To: SUPPORT
Subject: Cannot sign in since this morning
Message-ID: <sign-in.1@example.net>
Date: Mon, 5 Jan 2026 09:12:00 +0100
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello,

since this morning the sign-in page says \"unknown user\". Yesterday all was well.

Ana
";

const SIGN_IN_MORE_TEXT: &str = "\
From: Ana <ana@example.net>
To: SUPPORT
Subject: Re: Cannot sign in since this morning
Message-ID: <sign-in.2@example.net>
In-Reply-To: <sign-in.1@example.net>
References: <sign-in.1@example.net>
Date: Mon, 5 Jan 2026 09:15:00 +0100
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

My colleague has it, too.

On Mon, 5 Jan 2026 at 09:12, Ana <ana@example.net> wrote:
> since this morning the sign-in page says \"unknown user\".
";

const INVOICE_TEXT: &str = "\
From: Ben <ben@example.org>
To: SUPPORT
Subject: Invoice 17 has the wrong amount
Message-ID: <invoice.17@example.org>
Date: Mon, 5 Jan 2026 09:20:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"outer\"

--outer
Content-Type: multipart/alternative; boundary=\"inner\"

--inner
Content-Type: text/plain; charset=utf-8

Please look at line 3.
--inner
Content-Type: text/html; charset=utf-8

<p>Please look at <b>line 3</b>.</p><script>alert(1)</script>
<img src=\"https://tracker.example.org/pixel.gif\" onerror=\"alert(2)\">
--inner--
--outer
Content-Type: text/csv; name=\"invoice-17.csv\"
Content-Disposition: attachment; filename=\"invoice-17.csv\"
Content-Transfer-Encoding: base64

bGluZSx0ZXh0LGFtb3VudAoxLFBhcGVyLDEyLjAwCjIsSW5rLDIzLjUwCjMsUG9zdGFnZSw5OTku
MDAK
--outer--
";

/// Octets of that attachment.
pub(super) const INVOICE_FILE_BYTES: usize = 60;

const LOGIN_TEXT: &str = "\
From: Chen <chen@example.com>
To: SUPPORT
Subject: The login page shows an error
Message-ID: <login-page@example.com>
Date: Mon, 5 Jan 2026 09:31:00 +0100
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

It says error 502. What can I do?
";

const PARCEL_TEXT: &str = "\
From: orders@example.edu
To: SUPPORT
Subject: =?iso-8859-1?Q?Paket_f=FCr_K=F6ln_fehlt?=
Message-ID: <parcel.4711@example.edu>
Date: Mon, 5 Jan 2026 09:33:00 +0100
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Das Paket f=FCr K=F6ln ist nicht da.
";

/// The subject of that mail, decoded.
pub(super) const PARCEL_SUBJECT: &str = "Paket f\u{fc}r K\u{f6}ln fehlt";

const VACATION_TEXT: &str = "\
From: Dora <dora@example.org>
To: SUPPORT
Subject: Out of office
Message-ID: <vacation@example.org>
Date: Mon, 5 Jan 2026 09:40:00 +0100
Auto-Submitted: auto-replied (vacation)
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

I am back on Monday.
";

const BOUNCE_TEXT: &str = "\
From: Mail Delivery System <mailer-daemon@mx.example.net>
To: SUPPORT
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce@mx.example.net>
Date: Mon, 5 Jan 2026 09:41:00 +0100
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=\"report\"

--report
Content-Type: text/plain; charset=us-ascii

The mail could not be delivered.
--report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; nobody@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 unknown user

--report
Content-Type: text/rfc822-headers

From: SUPPORT
To: nobody@example.net
Subject: Something else
Message-ID: <of-another-system@example.net>
--report--
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message;

    #[test]
    fn every_sample_is_a_sound_mail() {
        for letter in letters("support@example.com") {
            let read = message::read(letter.text.replace('\n', "\r\n").as_bytes());
            assert_eq!(read.message_id.as_str(), letter.message_id);
            assert!(read.faults.is_empty(), "{}: {:?}", letter.message_id, read.faults);
            assert!(read.to.iter().any(|to| to.address.to_string() == "support@example.com"));
        }
    }
}
