//! Mail that an agent forwards by hand (EML-42): who wrote it first, and what the agent says about it.
//!
//! **Invariant:** in doubt it is no forward: subject, separator and a sender in the block must all be there.

use crate::domain::address::Address;
use crate::mail::message::Message;
use crate::mail::message::NamedAddress;

/// Lines of the block's header that are looked at for its fields.
const BLOCK_LINES_MAX: usize = 15;
/// Lines of the text that are looked at for the block.
const LINES_MAX: usize = 20_000;

/// How subjects of forwards begin, in lower case.
const PREFIXES: [&str; 22] = [
    "fwd:",
    "fw:",
    "wg:",
    "tr:",
    "rv:",
    "i:",
    "enc:",
    "vb:",
    "vs:",
    "vl:",
    "doorst:",
    "pd:",
    "továbbítás:",
    "ynt:",
    "ilt:",
    "yml:",
    "fs:",
    "rif:",
    "转发:",
    "转发：",
    "転送:",
    "пер:",
];

/// What the line between the agent's words and the forwarded mail holds, in lower case.
const SEPARATORS: [&str; 24] = [
    "forwarded message",
    "original message",
    "begin forwarded message",
    "weitergeleitete nachricht",
    "ursprüngliche nachricht",
    "anfang der weitergeleiteten",
    "message transféré",
    "message transmis",
    "message d'origine",
    "début du message",
    "mensaje reenviado",
    "mensaje original",
    "inicio del mensaje",
    "messaggio inoltrato",
    "messaggio originale",
    "inizio messaggio",
    "doorgestuurd bericht",
    "oorspronkelijk bericht",
    "mensagem encaminhada",
    "mensagem original",
    "przekazana wiadomość",
    "vidarebefordrat",
    "videresendt",
    "пересылаемое сообщение",
];

/// Names of the From field in the block, in lower case.
const FROM_NAMES: [&str; 16] = [
    "from",
    "von",
    "de",
    "da",
    "van",
    "från",
    "fra",
    "lähettäjä",
    "od",
    "от",
    "від",
    "feladó",
    "gönderen",
    "差出人",
    "发件人",
    "寄件者",
];

/// A forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Who wrote the mail first.
    pub author: NamedAddress,
    /// What the agent wrote above it.
    pub note: String,
    /// The forwarded text.
    pub text: String,
}

/// Reads a forward; `is_ours` says whether an address is one of the desk's.
#[must_use]
pub fn read(message: &Message, is_ours: impl Fn(&Address) -> bool) -> Option<Forwarded> {
    let subject = message.subject.trim().to_lowercase();
    if !PREFIXES.iter().any(|prefix| subject.starts_with(prefix)) {
        return None;
    }
    let lines: Vec<&str> = message.text.lines().take(LINES_MAX).collect();
    let block = lines.iter().position(|line| is_separator(line))?;
    let (above, rest) = lines.split_at_checked(block)?;
    let rest = rest.get(1..)?;
    let head = rest.iter().take(BLOCK_LINES_MAX);
    let (at, author) = head.enumerate().find_map(|(at, line)| Some((at, author(line)?)))?;
    if is_ours(&author.address) {
        return None;
    }
    let ends = rest.iter().skip(at).position(|line| unquoted(line).is_empty()).map(|blank| at + blank + 1);
    let body = ends.and_then(|start| rest.get(start..)).unwrap_or_default();
    Some(Forwarded { author, note: joined(above), text: joined(body) })
}

/// The subject without the prefixes of forwards.
#[must_use]
pub fn subject(subject: &str) -> &str {
    let mut rest = subject.trim();
    for _ in 0..5 {
        let lower = rest.to_lowercase();
        let Some(prefix) = PREFIXES.iter().find(|prefix| lower.starts_with(**prefix)) else { break };
        let letters = prefix.chars().count();
        let at = rest.char_indices().nth(letters).map_or(rest.len(), |(at, _)| at);
        rest = rest.get(at..).unwrap_or_default().trim_start();
    }
    rest
}

fn is_separator(line: &str) -> bool {
    let line = unquoted(line).to_lowercase();
    line.chars().count() <= 100
        && SEPARATORS.iter().any(|phrase| line.contains(phrase))
        && (line.contains("--") || line.ends_with(':') || line.starts_with("begin") || line.starts_with("anfang"))
}

fn unquoted(line: &str) -> &str {
    line.trim_start_matches(['>', ' ', '\t', '*', '|']).trim()
}

/// The address of a line such as `From: Ana <ana@example.com>` or `*Von:* ana@example.com`.
fn author(line: &str) -> Option<NamedAddress> {
    let line = unquoted(line).replace('*', "");
    let (name, value) = line.split_once([':', '：'])?;
    if !FROM_NAMES.contains(&name.trim().to_lowercase().as_str()) {
        return None;
    }
    let at = value.find('@')?;
    let is_end =
        |letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | '[' | ']' | '(' | ')' | ',' | ';' | '"');
    let start = value.get(..at)?.rfind(|letter| is_end(letter) || letter == ':').map_or(0, |end| end + 1);
    let rest = value.get(start..)?;
    let address = rest.split(is_end).next().and_then(Address::parse)?;
    let name = value.get(..start).unwrap_or_default();
    let name = name.split(['<', '[', '(']).next().unwrap_or_default().trim().trim_matches('"').trim();
    Some(NamedAddress { name: crate::mail::clean::name(name), address })
}

fn joined(lines: &[&str]) -> String {
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message;

    fn forward(subject: &str, text: &str) -> Option<Forwarded> {
        let raw =
            format!("From: agent@desk.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}");
        let mail = message::read(raw.replace('\n', "\r\n").as_bytes());
        read(&mail, |address| address.domain() == "desk.example")
    }

    #[test]
    fn tst_84_the_blocks_of_clients_name_their_sender() {
        let gmail = "Please help her.\n\n---------- Forwarded message ---------\nFrom: Ana Ruiz <ana@example.com>\n\
                     Date: Mon, 1 Jun\nSubject: Help\nTo: <agent@desk.example>\n\nIt is broken.\nReally.\n";
        let apple = "Begin forwarded message:\n\n> From: \"Ana Ruiz\" <ana@example.com>\n> Subject: Help\n>\n> It is broken.\n> Really.";
        let outlook = "Bitte ansehen\n-----Urspr\u{fc}ngliche Nachricht-----\nVon: Ana Ruiz [mailto:ana@example.com]\n\
                       Gesendet: Montag\nBetreff: Help\n\nIt is broken.";
        for (subject, text, note) in
            [("Fwd: Help", gmail, "Please help her."), ("Fwd: Help", apple, ""), ("WG: Help", outlook, "Bitte ansehen")]
        {
            let found = forward(subject, text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.author.address.to_string(), "ana@example.com", "{text}");
            assert_eq!((found.author.name.as_str(), found.note.as_str()), ("Ana Ruiz", note), "{text}");
            assert!(found.text.contains("It is broken."), "{found:?}");
        }
    }

    #[test]
    fn tst_84_what_lacks_a_mark_of_a_forward_is_none() {
        let block = "---------- Forwarded message ---------\nFrom: Ana <ana@example.com>\n\nx";
        assert!(forward("Fwd: x", block).is_some());
        assert_eq!(forward("Help", block), None, "the subject says nothing");
        assert_eq!(forward("Fwd: x", "From: Ana <ana@example.com>\n\nx"), None, "no separator");
        assert_eq!(forward("Fwd: x", &block.replace("ana@example.com", "support@desk.example")), None, "our own");
        assert_eq!(forward("Fwd: x", "---- Forwarded message ----\nFrom: Ana\n\nx"), None, "no address");
        assert_eq!((subject("Fwd: WG: Help"), subject("Forward")), ("Help", "Forward"));
    }
}
