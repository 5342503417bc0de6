//! New text apart from quotes and signatures (EML-50).
//!
//! **Invariant:** nothing is lost: what is cut stands in `quoted`; where the rules are in doubt the text stays; where
//! nothing would be left everything is shown. Linear time: each line is looked at a fixed number of times.
//!
//! Text is separated by kinds of lines (`lines`) and by the lines mail programs write above a quote in many languages
//! (`words`); HTML by the containers mail programs put a quote in (`html`).

mod html;
mod lines;
mod words;

use crate::mail::reply::lines::Kind;

pub use crate::mail::reply::html::split_html;

/// A body in two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// What the sender wrote in this mail. Empty only if the whole body is.
    pub reply: String,
    /// Quotes and signature; empty when nothing was cut.
    pub quoted: String,
}

/// Splits a text body.
///
/// In order: a signature separator ends the text; a header block or "wrote" line above unquoted text begins the quoted
/// mail; a "wrote" line above marked quotes goes, and the quotes with it unless text stands among or after them (then
/// they are what is answered); quotes at the end go; signatures of telephones go.
#[must_use]
pub fn split_text(text: &str) -> Split {
    let lines: Vec<&str> = text.lines().collect();
    let mut kinds = lines::kinds(&lines);
    let end = cut_at(&lines, &kinds);
    let last_text = last_text(kinds.get(..end).unwrap_or(&kinds));
    let Some(last_text) = last_text else {
        return Split { reply: text.trim_end().to_owned(), quoted: String::new() };
    };
    for kind in kinds.iter_mut().skip(last_text + 1) {
        *kind = Kind::Attribution;
    }
    let mut split = Split { reply: String::with_capacity(text.len() + 1), quoted: String::new() };
    for (line, kind) in lines.iter().zip(&kinds) {
        let half = if kind.is_cut() { &mut split.quoted } else { &mut split.reply };
        half.push_str(line);
        half.push('\n');
    }
    split.reply = without_blank_edges(&split.reply).to_owned();
    split.quoted = without_blank_edges(&split.quoted).to_owned();
    split
}

/// Without empty lines at both ends; the first line keeps its indent.
fn without_blank_edges(text: &str) -> &str {
    let text = text.trim_end();
    let blank = text.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
    text.get(blank..).unwrap_or(text)
}

fn last_text(kinds: &[Kind]) -> Option<usize> {
    kinds.iter().rposition(|kind| *kind == Kind::Text)
}

/// The first line of what was not written in this mail.
fn cut_at(lines: &[&str], kinds: &[Kind]) -> usize {
    let end = signature_at(lines, kinds);
    let end = header_block_at(kinds.get(..end).unwrap_or(kinds)).unwrap_or(end);
    quoted_mail_at(kinds.get(..end).unwrap_or(kinds)).unwrap_or(end)
}

/// Text lines that may follow a rule and still be a signature.
const SIGNATURE_LINES_MAX: usize = 6;

/// A separator with something above it: `-- `, "Original Message", or a rule with little below it.
fn signature_at(lines: &[&str], kinds: &[Kind]) -> usize {
    let mut text_below = kinds.iter().filter(|kind| **kind == Kind::Text).count();
    let mut seen_text = false;
    for (at, kind) in kinds.iter().enumerate() {
        match kind {
            Kind::Text => {
                text_below -= 1;
                seen_text = true;
            }
            Kind::Separator if seen_text => return at,
            Kind::Rule if seen_text && !is_underline(lines, kinds, at) => {
                let next = kinds.iter().skip(at + 1).find(|kind| !matches!(kind, Kind::Blank | Kind::Rule));
                if text_below <= SIGNATURE_LINES_MAX || next == Some(&Kind::Header) {
                    return at;
                }
            }
            _ => {}
        }
    }
    kinds.len()
}

/// A rule right below a line of about its length is a heading's.
fn is_underline(lines: &[&str], kinds: &[Kind], at: usize) -> bool {
    let Some(above) = at.checked_sub(1) else { return false };
    let length = |at: usize| lines.get(at).map_or(0, |line| line.trim().chars().count());
    kinds.get(above) == Some(&Kind::Text) && length(above).abs_diff(length(at)) <= 3
}

/// Header fields in a row that make a block.
const HEADER_BLOCK_MIN: usize = 3;

/// The first header field of a block with text above it.
fn header_block_at(kinds: &[Kind]) -> Option<usize> {
    let mut seen_text = false;
    let mut first = 0;
    let mut count = 0;
    for (at, kind) in kinds.iter().enumerate() {
        match kind {
            Kind::Header => {
                if count == 0 {
                    first = at;
                }
                count += 1;
                if count == HEADER_BLOCK_MIN && seen_text {
                    return Some(first);
                }
            }
            Kind::Text if count > 0 && at > first && kinds.get(at + 1) == Some(&Kind::Header) => {}
            kind => {
                count = 0;
                seen_text |= *kind == Kind::Text;
            }
        }
    }
    None
}

/// The first "wrote" line with text above it, unless it stands above marked quotes with text among or after them.
fn quoted_mail_at(kinds: &[Kind]) -> Option<usize> {
    let last_text = last_text(kinds)?;
    let mut seen_text = false;
    for (at, kind) in kinds.iter().enumerate() {
        match kind {
            Kind::Text => seen_text = true,
            Kind::Attribution if seen_text => {
                let below = kinds.iter().skip(at).find(|kind| !matches!(kind, Kind::Blank | Kind::Attribution));
                if below != Some(&Kind::Quote) || last_text < at {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn eml_50_fixtures_of_many_clients_and_languages() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail/reply");
        let mut wrong = Vec::new();
        let mut seen = 0;
        for entry in fs::read_dir(root.join("emails")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let read = |folder: &str| fs::read_to_string(root.join(folder).join(&name)).unwrap().replace("\r\n", "\n");
            let split = split_text(&read("emails"));
            seen += 1;
            if split.reply.trim() != read("trimmed").trim() {
                wrong.push(format!("{name}:\n{}", split.reply));
            }
        }
        assert_eq!(seen, 32);
        assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n=====\n"));
    }

    #[test]
    fn eml_50_lines_above_quotes_in_many_languages() {
        for line in [
            "On Mon, Feb 1, 2016 at 6:32 PM, Ana <ana@example.com> wrote:",
            "Am 01.02.2016 um 18:32 schrieb Ana <ana@example.com>:",
            "Am Mo., 1. Feb. 2021 um 10:00 Uhr schrieb Ana:",
            "Le lun. 1 f\u{e9}vr. 2021 \u{e0} 10:00, Ana <ana@example.com> a \u{e9}crit\u{a0}:",
            "El lun, 1 feb 2021 a las 10:00, Ana (<ana@example.com>) escribi\u{f3}:",
            "Il giorno lun 1 feb 2021 alle ore 10:00 Ana <ana@example.com> ha scritto:",
            "Op ma 1 feb. 2021 om 10:00 schreef Ana <ana@example.com>:",
            "Em seg., 1 de fev. de 2021 \u{e0}s 10:00, Ana <ana@example.com> escreveu:",
            "Den m\u{e5}n 1 feb. 2021 kl 10:00 skrev Ana <ana@example.com>:",
            "man. 1. feb. 2021 kl. 10.00 skrev Ana <ana@example.com>:",
            "pon., 1 lut 2021 o 10:00 Ana <ana@example.com> napisa\u{142}(a):",
            "po 1. 2. 2021 v 10:00 odes\u{ed}latel Ana <ana@example.com> napsal:",
            "\u{43f}\u{43d}, 1 \u{444}\u{435}\u{432}\u{440}. 2021 \u{433}. \u{432} 10:00, Ana <ana@example.com>:",
            "2021\u{5e74}2\u{6708}1\u{65e5}(\u{6708}) 10:00 Ana <ana@example.com>:",
            "\u{5728} 2021\u{5e74}2\u{6708}1\u{65e5}\u{ff0c}10:00\u{ff0c}Ana <ana@example.com> \u{5199}\u{9053}\u{ff1a}",
            "ma 1. helmik. 2021 klo 10.00 Ana (ana@example.com) kirjoitti:",
            "Ana <ana@example.com>, 1 \u{15e}ub 2021 Pzt, 10:00 tarihinde \u{15f}unu yazd\u{131}:",
        ] {
            let split = split_text(&format!("Thanks!\n\n{line}\n\n> hello\n> there\n"));
            assert_eq!(split.reply, "Thanks!", "{line}");
            assert!(split.quoted.starts_with(line), "{line}");
        }
    }

    #[test]
    fn eml_50_header_blocks_in_many_languages() {
        for block in [
            "From: Ana\nSent: Monday\nTo: Bo\nSubject: x",
            "Von: Ana\nGesendet: Montag\nAn: Bo\nBetreff: x",
            "De : Ana\nEnvoy\u{e9} : lundi\n\u{c0} : Bo\nObjet : x",
            "De: Ana\nEnviado el: lunes\nPara: Bo\nAsunto: x",
            "Van: Ana\nVerzonden: maandag\nAan: Bo\nOnderwerp: x",
            "*From:* Ana\n*Date:* Monday\n*To:* Bo",
            "\u{53d1}\u{4ef6}\u{4eba}: Ana\n\u{53d1}\u{9001}\u{65f6}\u{95f4}: x\n\u{6536}\u{4ef6}\u{4eba}: Bo",
            "\u{41e}\u{442}: Ana\n\u{414}\u{430}\u{442}\u{430}: x\n\u{41a}\u{43e}\u{43c}\u{443}: Bo",
        ] {
            assert_eq!(split_text(&format!("Thanks!\n\n{block}\n\nhello\n")).reply, "Thanks!", "{block}");
        }
    }

    #[test]
    fn eml_50_answers_among_quotes_stay_with_what_they_answer() {
        let text = "Hi,\n\nOn 1 Feb 2021, Ana <a@b.c> wrote:\n> first?\nyes\n> second?\nno\n> rest\n";
        let split = split_text(text);
        assert_eq!(split.reply, "Hi,\n\n> first?\nyes\n> second?\nno");
        assert_eq!(split.quoted, "On 1 Feb 2021, Ana <a@b.c> wrote:\n> rest");
        assert_eq!(split_text("> question\n\nanswer\n").reply, "> question\n\nanswer");
    }

    #[test]
    fn eml_50_if_nothing_is_left_everything_is_shown() {
        for text in ["> only\n> quotes", "-- \nOnly a signature", "On 1 Feb 2021, Ana <a@b.c> wrote:\n> x", ""] {
            assert_eq!(split_text(text), Split { reply: text.to_owned(), quoted: String::new() }, "{text}");
        }
    }

    #[test]
    fn eml_50_doubt_keeps_text() {
        for text in [
            "Plan\n----\none\ntwo\nthree",
            "On Monday I wrote to you.\nPlease answer.",
            "From: the beginning\nit never worked",
            "a -- b\nc",
            "```\n-- \n> x\n```\nend",
        ] {
            assert_eq!(split_text(text).reply, text, "{text}");
        }
    }

    #[test]
    fn eml_50_signatures_go() {
        for signature in
            ["-- \nAna\nExample Ltd", "Sent from my iPhone", "Von meinem iPhone gesendet", "Get Outlook for iOS"]
        {
            assert_eq!(split_text(&format!("Thanks!\n\n{signature}\n")).reply, "Thanks!", "{signature}");
        }
    }

    #[test]
    fn trap_hostile_text_takes_linear_time() {
        let start = crate::clock::instant();
        for text in [
            ">".repeat(10_000_000),
            "\n".repeat(1_000_000),
            "On 1 Feb <a@b.c>\n".repeat(100_000),
            "From: x\n".repeat(100_000),
            "a\n----\n".repeat(100_000),
            "> ".repeat(10_000) + "x",
        ] {
            let split = split_text(&text);
            assert!(split.reply.len() + split.quoted.len() <= text.len() + 2);
        }
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn no_line_is_lost(text in "((On 1 Feb, A <a@b.c> wrote:|> x|text|-- |____|From: x|To: x|Date: x|```|Sent from my x|)\n){0,25}") {
            let split = split_text(&text);
            let count = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
            prop_assert_eq!(count(&split.reply) + count(&split.quoted), count(&text));
            prop_assert_eq!(split.reply.is_empty(), text.trim().is_empty());
        }

        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            let _split = split_text(&text);
            let _split = split_html(&text);
        }
    }
}
