//! Command lines and MAIL parameters, read without regard to the state of the session.
//!
//! RFC 5321 §4.1 (SMTP), RFC 2033 §4.1 (LHLO), RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 §3.4 (SMTPUTF8).
//!
//! `smtp-proto` is only a second opinion in the tests: it drops quotes and carriage returns, reads `<postmaster>` as the
//! null path, lets a SIZE of 21 digits wrap and takes parameters that are not announced here.

use crate::channel::smtp_in::reply::Reply;

/// Longest command line in octets without its end; RFC 5321 §4.5.3.1.4 asks for 512, SMTPUTF8 paths for more.
pub(crate) const COMMAND_BYTES_MAX: usize = 1_000;
/// Longest name taken at HELO, EHLO and LHLO, in octets (RFC 5321 §4.5.3.1.2).
const HELLO_BYTES_MAX: usize = 255;

const EMPTY: Reply = Reply::new(500, "5.5.2", "Empty command");
const UNKNOWN: Reply = Reply::new(500, "5.5.1", "Unknown command");
const CONTROLS: Reply = Reply::new(500, "5.5.2", "Command holds NUL or other control characters");
const NOT_UTF8: Reply = Reply::new(501, "5.5.2", "Command is not UTF-8");
const NO_ARGUMENT_TAKEN: Reply = Reply::new(501, "5.5.4", "This command takes no argument");
const NAME_MISSING: Reply = Reply::new(501, "5.5.4", "Say your host name after the command");
const FROM_MISSING: Reply = Reply::new(501, "5.5.2", "Syntax is MAIL FROM:<address>");
const TO_MISSING: Reply = Reply::new(501, "5.5.2", "Syntax is RCPT TO:<address>");
const PARAMETER_UNKNOWN: Reply = Reply::new(555, "5.5.4", "Parameter not recognised or not announced here");
const PARAMETER_BAD: Reply = Reply::new(501, "5.5.4", "Parameter has a bad value or stands twice");

/// The three greetings of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// SMTP without extensions.
    Helo,
    /// SMTP with extensions.
    Ehlo,
    /// LMTP.
    Lhlo,
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// HELO, EHLO or LHLO with the name given.
    Hello(Hello, &'a str),
    /// MAIL, with what follows `FROM:`.
    Mail(&'a str),
    /// RCPT, with what follows `TO:`.
    Rcpt(&'a str),
    Data,
    Rset,
    Noop,
    Help,
    Vrfy,
    Expn,
    Quit,
    StartTls,
    Auth,
    Bdat,
    /// A method of HTTP: a browser was led to this port.
    Http,
}

/// Reads one command line without its CR LF; `Err` is the reply to it.
pub(crate) fn read(line: &[u8]) -> Result<Command<'_>, Reply> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(CONTROLS);
    }
    let text = str::from_utf8(line).map_err(|_| NOT_UTF8)?;
    let (verb, argument) = text.split_once(' ').unwrap_or((text, ""));
    let argument = argument.trim_matches(' ');
    match verb.to_ascii_uppercase().as_str() {
        "" => Err(EMPTY),
        "HELO" => hello(Hello::Helo, argument),
        "EHLO" => hello(Hello::Ehlo, argument),
        "LHLO" => hello(Hello::Lhlo, argument),
        "MAIL" => after_keyword(argument, "FROM:").map(Command::Mail).ok_or(FROM_MISSING),
        "RCPT" => after_keyword(argument, "TO:").map(Command::Rcpt).ok_or(TO_MISSING),
        "DATA" => alone(Command::Data, argument),
        "RSET" => alone(Command::Rset, argument),
        "QUIT" => alone(Command::Quit, argument),
        "STARTTLS" => alone(Command::StartTls, argument),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" => Ok(Command::Vrfy),
        "EXPN" => Ok(Command::Expn),
        "AUTH" => Ok(Command::Auth),
        "BDAT" => Ok(Command::Bdat),
        "GET" | "POST" | "HEAD" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT" | "TRACE" | "PRI" => {
            Ok(Command::Http)
        }
        _ => Err(UNKNOWN),
    }
}

fn hello(verb: Hello, argument: &str) -> Result<Command<'_>, Reply> {
    let name = argument.split(' ').next().unwrap_or_default();
    let fits = !name.is_empty() && name.len() <= HELLO_BYTES_MAX && name.is_ascii();
    if fits { Ok(Command::Hello(verb, name)) } else { Err(NAME_MISSING) }
}

fn alone<'a>(command: Command<'a>, argument: &str) -> Result<Command<'a>, Reply> {
    if argument.is_empty() { Ok(command) } else { Err(NO_ARGUMENT_TAKEN) }
}

fn after_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (given, rest) = argument.split_at_checked(keyword.len())?;
    given.eq_ignore_ascii_case(keyword).then_some(rest)
}

/// What MAIL said besides the reverse-path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MailParameters {
    /// SIZE in bytes; a number too large for 64 bits is the largest.
    pub(crate) declared_bytes: Option<u64>,
    /// SMTPUTF8 was given.
    pub(crate) smtputf8: bool,
}

/// Reads the parameters of MAIL; those that EHLO does not announce are refused (RFC 5321 §4.1.1.11).
pub(crate) fn mail_parameters(text: &str) -> Result<MailParameters, Reply> {
    let mut parameters = MailParameters::default();
    let mut body_seen = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) = word.split_once('=').map_or((word, None), |(keyword, value)| (keyword, Some(value)));
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(digits)) if parameters.declared_bytes.is_none() => {
                parameters.declared_bytes = Some(size(digits)?);
            }
            ("BODY", Some(kind)) if !body_seen => {
                body_seen = true;
                body(kind)?;
            }
            ("SMTPUTF8", None) if !parameters.smtputf8 => parameters.smtputf8 = true,
            ("SIZE" | "BODY" | "SMTPUTF8", _) => return Err(PARAMETER_BAD),
            _ => return Err(PARAMETER_UNKNOWN),
        }
    }
    Ok(parameters)
}

/// RFC 1870 §4: up to 20 digits.
fn size(digits: &str) -> Result<u64, Reply> {
    let legal = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if legal { Ok(digits.parse().unwrap_or(u64::MAX)) } else { Err(PARAMETER_BAD) }
}

/// RFC 6152; BINARYMIME (RFC 3030) would need BDAT and is not announced.
fn body(kind: &str) -> Result<(), Reply> {
    match kind.to_ascii_uppercase().as_str() {
        "7BIT" | "8BITMIME" => Ok(()),
        "BINARYMIME" => Err(PARAMETER_UNKNOWN),
        _ => Err(PARAMETER_BAD),
    }
}

/// RCPT has no parameters here: DSN (RFC 3461) is not announced.
pub(crate) fn rcpt_parameters(text: &str) -> Result<(), Reply> {
    if text.trim_matches(' ').is_empty() { Ok(()) } else { Err(PARAMETER_UNKNOWN) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::smtp_in::path;

    #[test]
    fn verbs_are_read_in_any_case_and_wrong_lines_get_their_reply() {
        for (line, command) in [
            ("ehlo mail.example.com", Command::Hello(Hello::Ehlo, "mail.example.com")),
            ("HELO [192.0.2.1] and more", Command::Hello(Hello::Helo, "[192.0.2.1]")),
            ("LHLO x", Command::Hello(Hello::Lhlo, "x")),
            ("Mail From:<a@b.c> SIZE=1", Command::Mail("<a@b.c> SIZE=1")),
            ("rcpt to: <a@b.c>", Command::Rcpt(" <a@b.c>")),
            ("data ", Command::Data),
            ("NOOP whatever", Command::Noop),
            ("GET / HTTP/1.1", Command::Http),
            ("bdat 12 LAST", Command::Bdat),
        ] {
            assert_eq!(read(line.as_bytes()), Ok(command), "{line}");
        }
        for (line, reply) in [
            (&b""[..], EMPTY),
            (b"FOO", UNKNOWN),
            (b"EHLO", NAME_MISSING),
            (b"EHLO b\xc3\xbccher.example", NAME_MISSING),
            (b"MAIL <a@b.c>", FROM_MISSING),
            (b"RCPT FROM:<a@b.c>", TO_MISSING),
            (b"DATA now", NO_ARGUMENT_TAKEN),
            (b"NOOP\0", CONTROLS),
            (b"MAIL FROM:<a\r@b.c>", CONTROLS),
            (b"NOOP \xff", NOT_UTF8),
        ] {
            assert_eq!(read(line), Err(reply), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn mail_takes_what_is_announced_and_nothing_else() {
        let parsed = mail_parameters(" size=12 BODY=8BITMIME SMTPUTF8").unwrap();
        assert_eq!(parsed, MailParameters { declared_bytes: Some(12), smtputf8: true });
        assert_eq!(mail_parameters("").unwrap(), MailParameters::default());
        for (text, reply) in [
            ("SIZE", PARAMETER_BAD),
            ("SIZE=", PARAMETER_BAD),
            ("SIZE=-1", PARAMETER_BAD),
            ("SIZE=1 SIZE=2", PARAMETER_BAD),
            ("BODY=9BIT", PARAMETER_BAD),
            ("BODY=BINARYMIME", PARAMETER_UNKNOWN),
            ("SMTPUTF8=yes", PARAMETER_BAD),
            ("RET=FULL", PARAMETER_UNKNOWN),
            ("AUTH=<>", PARAMETER_UNKNOWN),
        ] {
            assert_eq!(mail_parameters(text), Err(reply), "{text}");
        }
        assert_eq!(rcpt_parameters(" NOTIFY=NEVER"), Err(PARAMETER_UNKNOWN));
    }

    #[test]
    fn trap_smtp_proto_a_size_of_twenty_digits_does_not_wrap() {
        for digits in ["18446744073709551615", "18446744073709551616", "99999999999999999999"] {
            assert_eq!(mail_parameters(&format!("SIZE={digits}")).unwrap().declared_bytes, Some(u64::MAX), "{digits}");
        }
        assert_eq!(mail_parameters("SIZE=184467440737095516150"), Err(PARAMETER_BAD));
    }

    #[test]
    fn smtp_proto_reads_ordinary_envelopes_as_we_do() {
        for line in [
            "MAIL FROM:<>",
            "MAIL FROM:<a.b+c@example.com>",
            "mail from:<a@example.com> size=1000 body=8bitmime",
            "MAIL FROM:<j\u{fc}rg@b\u{fc}cher.example> SMTPUTF8 SIZE=77",
        ] {
            let Ok(Command::Mail(rest)) = read(line.as_bytes()) else { panic!("{line}") };
            let path = path::split(rest).unwrap();
            let parameters = mail_parameters(path.parameters).unwrap();
            let wire = format!("{line}\r\n");
            let Ok(smtp_proto::Request::Mail { from }) = smtp_proto::Request::parse(&mut wire.as_bytes().iter()) else {
                panic!("{line}")
            };
            assert_eq!(from.address, path.mailbox);
            assert_eq!(u64::try_from(from.size).unwrap(), parameters.declared_bytes.unwrap_or(0));
            assert_eq!(from.flags & smtp_proto::MAIL_SMTPUTF8 != 0, parameters.smtputf8);
        }
    }
}
