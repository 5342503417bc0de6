//! The words mail programs put above quotes and below texts, by language.
//!
//! A new language is a few entries here. Everything is compared in lower case.

/// Beginnings of a "wrote" line that is followed by a date.
const OPENERS: &[&str] = &[
    "on ",
    "at ",
    "am ",
    "le ",
    "el ",
    "il ",
    "il giorno ",
    "op ",
    "em ",
    "den ",
    "w dniu ",
    "dnia ",
    "dne ",
    "v ",
    "ma ",
    "ti ",
    "\u{5728}",
    "\u{65bc}",
    "\u{4e8e}",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "pe ",
    "ke ",
    "to ",
    "la ",
    "su ",
];

/// Endings of a "wrote" line, without the colon.
const VERBS: &[&str] = &[
    "wrote",
    "writes",
    "said",
    "schrieb",
    "geschrieben",
    "a \u{e9}crit",
    "\u{e9}crit",
    "escribi\u{f3}",
    "escribio",
    "ha scritto",
    "scritto",
    "schreef",
    "geschreven",
    "escreveu",
    "skrev",
    "skrifa\u{f0}i",
    "napisa\u{142}(a)",
    "napisa\u{142}",
    "napisa\u{142}a",
    "napsal(a)",
    "napsal",
    "napsala",
    "\u{43f}\u{438}\u{448}\u{435}\u{442}",
    "\u{43d}\u{430}\u{43f}\u{438}\u{441}\u{430}\u{43b}",
    "kirjoitti",
    "\u{5199}\u{9053}",
    "\u{5beb}\u{9053}",
    "yazd\u{131}",
    "\u{c791}\u{c131}",
];

/// Verbs that stand before the name; the line then ends with the name.
const VERBS_INSIDE: &[&str] = &[" schrieb ", " schreef ", " skrev ", " napsal ", " odes\u{ed}latel ", " heeft "];

const HEADER_NAMES: &[&str] = &[
    "from",
    "sent",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "reply-to",
    "importance",
    "attachments",
    "von",
    "gesendet",
    "an",
    "betreff",
    "datum",
    "antwort an",
    "antwort",
    "de",
    "envoy\u{e9}",
    "envoy\u{e9} le",
    "\u{e0}",
    "a",
    "pour",
    "objet",
    "r\u{e9}pondre \u{e0}",
    "enviado",
    "enviado el",
    "para",
    "asunto",
    "fecha",
    "responder a",
    "enviada",
    "enviada em",
    "enviado em",
    "assunto",
    "data",
    "da",
    "inviato",
    "oggetto",
    "risposta",
    "rispondi a",
    "van",
    "verzonden",
    "aan",
    "onderwerp",
    "od",
    "wys\u{142}ano",
    "do",
    "temat",
    "dw",
    "odesl\u{e1}no",
    "komu",
    "p\u{159}edm\u{11b}t",
    "kopie",
    "fr\u{e5}n",
    "skickat",
    "till",
    "\u{e4}mne",
    "fra",
    "sendt",
    "til",
    "emne",
    "dato",
    "kopi",
    "l\u{e4}hett\u{e4}j\u{e4}",
    "l\u{e4}hetetty",
    "vastaanottaja",
    "aihe",
    "p\u{e4}iv\u{e4}m\u{e4}\u{e4}r\u{e4}",
    "\u{43e}\u{442}",
    "\u{43e}\u{442}\u{43f}\u{440}\u{430}\u{432}\u{43b}\u{435}\u{43d}\u{43e}",
    "\u{43a}\u{43e}\u{43c}\u{443}",
    "\u{442}\u{435}\u{43c}\u{430}",
    "\u{434}\u{430}\u{442}\u{430}",
    "\u{43a}\u{43e}\u{43f}\u{438}\u{44f}",
    "\u{53d1}\u{4ef6}\u{4eba}",
    "\u{53d1}\u{9001}\u{65f6}\u{95f4}",
    "\u{6536}\u{4ef6}\u{4eba}",
    "\u{4e3b}\u{9898}",
    "\u{6284}\u{9001}",
    "\u{65e5}\u{671f}",
    "\u{5dee}\u{51fa}\u{4eba}",
    "\u{9001}\u{4fe1}\u{65e5}\u{6642}",
    "\u{5b9b}\u{5148}",
    "\u{4ef6}\u{540d}",
    "\u{65e5}\u{6642}",
    "\u{bcf4}\u{b0b8} \u{c0ac}\u{b78c}",
    "\u{bc1b}\u{b294} \u{c0ac}\u{b78c}",
    "\u{c81c}\u{baa9}",
    "kimden",
    "kime",
    "konu",
];

const ORIGINAL_MESSAGE: &[&str] = &[
    "original message",
    "original appointment",
    "reply message",
    "urspr\u{fc}ngliche nachricht",
    "originalnachricht",
    "originalmail",
    "message d'origine",
    "message original",
    "message d\u{2019}origine",
    "mensaje original",
    "mensagem original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "originalmeddelande",
    "ursprungligt meddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "oryginalna wiadomo\u{15b}\u{107}",
    "p\u{16f}vodn\u{ed} zpr\u{e1}va",
    "\u{438}\u{441}\u{445}\u{43e}\u{434}\u{43d}\u{43e}\u{435} \u{441}\u{43e}\u{43e}\u{431}\u{449}\u{435}\u{43d}\u{438}\u{435}",
    "\u{539f}\u{59cb}\u{90ae}\u{4ef6}",
];

const MOBILE_SIGNATURES: &[&str] = &[
    "sent from my ",
    "sent from mail for ",
    "sent from outlook",
    "sent from yahoo mail",
    "sent from samsung",
    "sent from proton",
    "sent with proton",
    "sent via ",
    "get outlook for ",
    "get bluemail for ",
    "von meinem ",
    "gesendet von ",
    "gesendet mit ",
    "diese nachricht wurde von meinem ",
    "envoy\u{e9} de mon ",
    "envoy\u{e9} depuis ",
    "envoy\u{e9} \u{e0} partir ",
    "enviado desde mi ",
    "enviado desde ",
    "enviado do meu ",
    "enviado de mi ",
    "enviado via ",
    "inviato da ",
    "verstuurd vanaf mijn ",
    "verzonden vanaf ",
    "skickat fr\u{e5}n min",
    "sendt fra min ",
    "l\u{e4}hetetty ",
    "wys\u{142}ane z ",
    "odesl\u{e1}no z ",
    "\u{43e}\u{442}\u{43f}\u{440}\u{430}\u{432}\u{43b}\u{435}\u{43d}\u{43e} \u{441} ",
    "\u{53d1}\u{81ea}\u{6211}\u{7684}",
    "iphone\u{304b}\u{3089}\u{9001}\u{4fe1}",
];
/// Characters up to which a line can be a telephone's signature.
const MOBILE_SIGNATURE_CHARS_MAX: usize = 80;

/// Whether a line, folded together if need be, introduces a quote: "On (date), (somebody) wrote:".
pub(super) fn is_attribution(line: &str) -> bool {
    let is_zoho = line.starts_with("----") && line.trim_end().ends_with("----");
    let has_colon = line.trim_end_matches(['*', '_', '-', ' ']).ends_with([':', '\u{ff1a}']);
    if !has_colon && !is_zoho {
        return false;
    }
    let lower = line.to_lowercase();
    let line = lower.trim_start_matches(['*', '_', '-', ' ']).trim_end_matches(['*', '_', '-', ' ']);
    let has_digit = line.contains(|c: char| c.is_ascii_digit());
    let has_address = line.contains('@') && line.contains(['<', '(', '[']) && line.contains(['>', ')', ']']);
    let body = line.trim_end_matches([':', '\u{ff1a}', ' ', '\u{a0}', '.']);
    let ends_with_verb = VERBS.iter().any(|verb| ends_with_word(body, verb));
    if ends_with_verb {
        return has_address || (has_digit && begins_with_date(line));
    }
    if !has_colon {
        return false;
    }
    let verb_inside = VERBS_INSIDE.iter().any(|verb| line.contains(verb));
    has_digit && ((has_address && has_time_or_date(line)) || (verb_inside && begins_with_date(line)))
}

/// Whether a line may be the first of a folded "wrote" line.
pub(super) fn begins_attribution(line: &str) -> bool {
    begins_with_date(line.trim_start_matches(['*', '_', '-', ' '])) || (line.contains('<') && line.contains('@'))
}

/// Old Gmail writes only date, zone and name: "2016-03-03 17:21 GMT+01:00 Ana" or "2013/7/20 Ana <ana@example.com>".
pub(super) fn is_bare_date_attribution(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let date = words.next().unwrap_or("");
    let parts: Vec<&str> = date.split(['-', '/']).collect();
    let is_date = parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        && parts.first().is_some_and(|year| year.len() == 4);
    let has_zone = words.nth(1).is_some_and(|word| word.starts_with("GMT") || word.starts_with("UTC"));
    let has_address = line.trim_end_matches(':').ends_with('>') && line.contains('<') && line.contains('@');
    is_date && (has_zone || has_address) && line.len() <= 200
}

/// Starts with a word that introduces a date, or with a number, and holds a number.
pub(super) fn begins_with_date(line: &str) -> bool {
    let head = || line.chars().take(60);
    if !head().any(|c| c.is_ascii_digit()) {
        return false;
    }
    let head = head().collect::<String>().to_lowercase();
    OPENERS.iter().any(|opener| head.starts_with(opener))
        || head.starts_with(|c: char| c.is_ascii_digit())
        || is_short_weekday(&head)
}

/// "pon., 1", "man. 1", "пн, 1": a short word and a number.
fn is_short_weekday(head: &str) -> bool {
    let mut words = head.split_whitespace();
    let first = words.next().unwrap_or("");
    let second = words.next().unwrap_or("");
    first.chars().count() <= 5
        && second.starts_with(|c: char| c.is_ascii_digit())
        && first.chars().any(char::is_alphabetic)
}

fn has_time_or_date(line: &str) -> bool {
    let digits = |c: char| c.is_ascii_digit();
    let years = ["19", "20"].iter().any(|century| {
        line.match_indices(century)
            .any(|(at, _)| line.get(at..at + 4).is_some_and(|year| year.bytes().all(|b| b.is_ascii_digit())))
    });
    years
        || line
            .split([':', '.'])
            .zip(line.split([':', '.']).skip(1))
            .any(|(a, b)| a.ends_with(digits) && b.starts_with(digits))
}

fn ends_with_word(body: &str, word: &str) -> bool {
    body.strip_suffix(word).is_some_and(|before| {
        let is_ascii = word.is_ascii();
        !is_ascii || before.ends_with(|c: char| !c.is_alphanumeric()) || before.is_empty()
    })
}

/// Characters within which the name of a header field ends, with what makes it bold.
const HEADER_NAME_CHARS_MAX: usize = 48;

/// A header field as it stands above a quoted mail, in any of the languages; asterisks of bold text are taken off.
pub(super) fn is_header_line(line: &str) -> bool {
    let colon = line.char_indices().take(HEADER_NAME_CHARS_MAX).find(|(_, c)| matches!(c, ':' | '\u{ff1a}'));
    let Some(name) = colon.and_then(|(at, _)| line.get(..at)) else { return false };
    let name = name.trim_matches(['*', '_', ' ', '\u{a0}', '\t']).to_lowercase();
    HEADER_NAMES.contains(&name.as_str())
}

/// "-----Original Message-----".
pub(super) fn is_original_message(line: &str) -> bool {
    let inside = line.trim_matches(['*', '_', ' ']);
    let words = inside.trim_matches(['-', ' ']);
    let is_framed = inside.starts_with("--") && inside.ends_with("--");
    is_framed && ORIGINAL_MESSAGE.contains(&words.to_lowercase().as_str())
}

/// "Sent from my iPhone". Asked of every line, so its first octet is looked at before anything else.
pub(super) fn is_mobile_signature(line: &str) -> bool {
    let visible = line.split('<').next().unwrap_or(line).trim_start_matches(['[', '*', '_', '(']);
    let Some(first) = visible.chars().flat_map(char::to_lowercase).next() else { return false };
    let first = first.encode_utf8(&mut [0; 4]).bytes().next();
    MOBILE_SIGNATURES.iter().any(|start| start.bytes().next() == first && begins_with(visible, start))
        && visible.chars().flat_map(char::to_lowercase).count() <= MOBILE_SIGNATURE_CHARS_MAX
}

/// Whether a text begins with one in lower case. No copy is made.
fn begins_with(text: &str, lower: &str) -> bool {
    let mut chars = text.chars().flat_map(char::to_lowercase);
    lower.chars().all(|c| chars.next() == Some(c))
}
