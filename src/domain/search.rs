//! Conditions of a structured search and what they mean (API-30 to API-32).
//!
//! A search is asked by field names and JSON scalars ([`Asked`]); [`understand`] turns it into typed conditions of one
//! noun ([`Query`]), whose fields that noun knows; [`Condition::holds`] compares.
//!
//! **Invariant:** an unknown field, an operator that does not fit and a value of another kind are refused by name; nothing
//! is guessed. Texts are compared without regard to case.

use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::refusal::Refusal;
use std::cmp::Ordering;

/// Levels of AND and OR (API-30).
pub const LEVELS_MAX: usize = 2;
/// Conditions of one AND or OR (API-30).
pub const CONDITIONS_MAX: usize = 15;
/// Values of one IN or NIN.
pub const VALUES_MAX: usize = 150;
/// Longest text of a value, in characters.
const TEXT_CHARS_MAX: usize = 1_000;
const DAY_S: u64 = 86_400;

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `IN`
    In,
    /// `NIN`
    NotIn,
    /// `>`; of moments by whole days, unless asked for exactly (API-32).
    Greater,
    /// `<`; as `>`.
    Less,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `~`
    Contains,
    /// `!~`
    ContainsNot,
    /// `^`
    StartsWith,
    /// `$`
    EndsWith,
}

impl Operator {
    /// The operator of that sign.
    #[must_use]
    pub fn parse(sign: &str) -> Option<Self> {
        Some(match sign {
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "IN" => Self::In,
            "NIN" => Self::NotIn,
            ">" => Self::Greater,
            "<" => Self::Less,
            ">=" => Self::AtLeast,
            "<=" => Self::AtMost,
            "~" => Self::Contains,
            "!~" => Self::ContainsNot,
            "^" => Self::StartsWith,
            "$" => Self::EndsWith,
            _ => return None,
        })
    }

    /// The sign of the operator.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::In => "IN",
            Self::NotIn => "NIN",
            Self::Greater => ">",
            Self::Less => "<",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Contains => "~",
            Self::ContainsNot => "!~",
            Self::StartsWith => "^",
            Self::EndsWith => "$",
        }
    }

    fn takes_a_list(self) -> bool {
        matches!(self, Self::In | Self::NotIn)
    }
}

/// A value as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Nothing: the field must be empty.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A number, as written.
    Number(String),
    /// Text.
    Text(String),
}

/// A condition as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedCondition {
    /// Name of the field.
    pub field: String,
    /// How it is compared.
    pub operator: Operator,
    /// One value; several for IN and NIN.
    pub values: Vec<Scalar>,
}

/// A search as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// AND.
    All(Vec<Asked>),
    /// OR.
    Any(Vec<Asked>),
    /// A condition.
    Is(AskedCondition),
}

/// What a field holds, which says what it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A decimal id; 0 means none.
    Id,
    /// The id of a contact.
    Contact,
    /// A word of a few.
    Word,
    /// Text.
    Text,
    /// Text that is searched by whole words.
    Words,
    /// A number.
    Number,
    /// A moment, in seconds.
    Moment,
    /// Yes or no.
    Flag,
    /// Whatever a caller put there; compared with values of the same JSON type.
    Free,
}

/// One value of a field, or one that is looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A number that names something.
    Id(u64),
    /// Text in lower case.
    Text(String),
    /// A number.
    Number(f64),
    /// A moment in Unix seconds.
    Seconds(u64),
    /// Yes or no.
    Flag(bool),
    /// Looked for: an empty field.
    Nothing,
    /// Looked for: something that cannot be, such as an id that is none.
    Impossible,
}

impl Datum {
    /// Text, as it is compared.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_lowercase())
    }

    /// A moment, as the API shows it.
    #[must_use]
    pub fn moment(at: Millis) -> Self {
        Self::Seconds(at.seconds())
    }
}

/// A typed condition on a field of a noun.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition<F> {
    /// The field.
    pub field: F,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub wanted: Vec<Datum>,
    kind: Kind,
    exact: bool,
}

/// A typed search.
#[derive(Clone, Debug, PartialEq)]
pub enum Query<F> {
    /// All of them hold.
    All(Vec<Query<F>>),
    /// One of them holds.
    Any(Vec<Query<F>>),
    /// It holds.
    Is(Condition<F>),
}

/// Types a search by the fields of a noun: `field` knows them by name. With `exact`, `>` and `<` on moments compare
/// seconds instead of days.
///
/// # Errors
/// `invalid_field`, `data_invalid`.
pub fn understand<F>(
    asked: &Asked,
    exact: bool,
    field: &impl Fn(&str) -> Option<(F, Kind)>,
) -> Result<Query<F>, Refusal> {
    let each = |parts: &[Asked]| parts.iter().map(|part| understand(part, exact, field)).collect::<Result<Vec<_>, _>>();
    Ok(match asked {
        Asked::All(parts) => Query::All(each(parts)?),
        Asked::Any(parts) => Query::Any(each(parts)?),
        Asked::Is(condition) => {
            let name = &condition.field;
            let (field, kind) = field(name).ok_or_else(|| Refusal::Invalid {
                code: "invalid_field",
                field: Some(name.clone()),
                message: format!("'{name}' is not a field that can be searched here"),
            })?;
            check_operator(condition, kind)?;
            let wanted = condition.values.iter().map(|value| typed(name, kind, value)).collect::<Result<_, _>>()?;
            Query::Is(Condition { field, operator: condition.operator, wanted, kind, exact })
        }
    })
}

fn invalid(field: &str, message: String) -> Refusal {
    Refusal::Invalid { code: "data_invalid", field: Some(field.to_owned()), message }
}

fn check_operator(condition: &AskedCondition, kind: Kind) -> Result<(), Refusal> {
    use Operator::{
        AtLeast, AtMost, Contains, ContainsNot, EndsWith, Equal, Greater, In, Less, NotEqual, NotIn, StartsWith,
    };
    let fits = match (kind, condition.operator) {
        (_, Equal | NotEqual) | (Kind::Free, _) => true,
        (Kind::Flag, _) => false,
        (_, In | NotIn) => true,
        (Kind::Number | Kind::Moment, Greater | Less | AtLeast | AtMost) => true,
        (Kind::Text | Kind::Words, Contains | ContainsNot | StartsWith | EndsWith) => true,
        // Ids ascend with time, so an order of them means something.
        (Kind::Id, Greater | Less) => true,
        _ => false,
    };
    if !fits {
        return Err(invalid(&condition.field, format!("'{}' does not take this operator", condition.field)));
    }
    let (given, list) = (condition.values.len(), condition.operator.takes_a_list());
    if (!list && given != 1) || given > VALUES_MAX {
        let takes = if list { format!("up to {VALUES_MAX} values") } else { "one value".to_owned() };
        return Err(invalid(&condition.field, format!("'{}' takes {takes} with this operator", condition.field)));
    }
    Ok(())
}

fn typed(field: &str, kind: Kind, value: &Scalar) -> Result<Datum, Refusal> {
    let wrong = |expected: &str| invalid(field, format!("'{field}' takes {expected}"));
    if *value == Scalar::Null {
        return Ok(Datum::Nothing);
    }
    match (kind, value) {
        (Kind::Id, Scalar::Text(text) | Scalar::Number(text)) => Ok(match text.trim().parse() {
            Ok(0) => Datum::Nothing,
            Ok(id) => Datum::Id(id),
            Err(_) => Datum::Impossible,
        }),
        (Kind::Id, _) => Err(wrong("an id")),
        (Kind::Contact, Scalar::Text(text)) => {
            Ok(text.parse().map_or(Datum::Impossible, |ContactId(id)| Datum::Id(id)))
        }
        (Kind::Contact, _) => Err(wrong("the id of a contact")),
        (Kind::Word | Kind::Text | Kind::Words | Kind::Free, Scalar::Text(text))
            if text.chars().count() <= TEXT_CHARS_MAX =>
        {
            Ok(Datum::text(text))
        }
        (Kind::Word | Kind::Text | Kind::Words, _) | (Kind::Free, Scalar::Text(_)) => {
            Err(wrong("text of up to 1,000 characters"))
        }
        (Kind::Number | Kind::Free, Scalar::Number(text)) | (Kind::Number, Scalar::Text(text)) => {
            let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
            number.map(Datum::Number).ok_or_else(|| wrong("a number"))
        }
        (Kind::Number, _) => Err(wrong("a number")),
        (Kind::Moment, Scalar::Number(text) | Scalar::Text(text)) => {
            seconds(text).map(Datum::Seconds).ok_or_else(|| wrong("Unix seconds or an ISO 8601 time with offset"))
        }
        (Kind::Moment, _) => Err(wrong("Unix seconds or an ISO 8601 time with offset")),
        (Kind::Flag | Kind::Free, Scalar::Flag(yes)) => Ok(Datum::Flag(*yes)),
        (Kind::Flag, Scalar::Text(text)) => text.parse().map(Datum::Flag).map_err(|_| wrong("true or false")),
        (Kind::Flag, _) => Err(wrong("true or false")),
        (Kind::Free, Scalar::Null) => Ok(Datum::Nothing),
    }
}

fn seconds(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(seconds);
    }
    let at: jiff::Timestamp = text.trim().parse().ok()?;
    u64::try_from(at.as_second()).ok()
}

impl<F> Condition<F> {
    /// Whether a field with these values meets it; no values means that the field is empty.
    #[must_use]
    pub fn holds(&self, have: &[Datum]) -> bool {
        let some = |compare: &dyn Fn(&Datum, &Datum) -> bool| {
            have.iter().any(|have| self.wanted.iter().any(|wanted| compare(have, wanted)))
        };
        let equal = || {
            let nothing = have.is_empty() && self.wanted.contains(&Datum::Nothing);
            nothing || some(&|have, wanted| have == wanted)
        };
        let contains = || some(&|have, wanted| text_of(have, wanted).is_some_and(|(a, b)| self.contains(a, b)));
        // Whole words are what such a text is equal to.
        let equal = || equal() || (self.kind == Kind::Words && contains());
        match self.operator {
            Operator::Equal | Operator::In => equal(),
            Operator::NotEqual | Operator::NotIn => !equal(),
            Operator::Greater => some(&|have, wanted| self.is_after(have, wanted)),
            Operator::Less => some(&|have, wanted| self.is_before(have, wanted)),
            Operator::AtLeast => some(&|have, wanted| order(have, wanted).is_some_and(Ordering::is_ge)),
            Operator::AtMost => some(&|have, wanted| order(have, wanted).is_some_and(Ordering::is_le)),
            Operator::Contains => contains(),
            Operator::ContainsNot => !contains(),
            Operator::StartsWith => some(&|have, wanted| text_of(have, wanted).is_some_and(|(a, b)| a.starts_with(b))),
            Operator::EndsWith => some(&|have, wanted| text_of(have, wanted).is_some_and(|(a, b)| a.ends_with(b))),
        }
    }

    /// Words that a text which meets the condition has as whole words, for each value that is looked for; `None` where that
    /// says nothing about every such text.
    #[must_use]
    pub fn whole_words(&self) -> Option<Vec<Vec<String>>> {
        // Whether the looked-for text begins and ends where the field's text does, or a word of it.
        let (begins, ends) = match (self.kind, self.operator) {
            (Kind::Words, Operator::Contains) | (Kind::Words | Kind::Text, Operator::Equal | Operator::In) => {
                (true, true)
            }
            (Kind::Text, Operator::Contains) => (false, false),
            (Kind::Words | Kind::Text, Operator::StartsWith) => (true, false),
            (Kind::Words | Kind::Text, Operator::EndsWith) => (false, true),
            _ => return None,
        };
        let each = self.wanted.iter().map(|wanted| {
            let Datum::Text(wanted) = wanted else { return None };
            let cut = |c: char| !c.is_alphanumeric();
            let mut known = words(wanted);
            if !(ends || wanted.ends_with(cut)) {
                known.pop();
            }
            if !(begins || wanted.starts_with(cut) || known.is_empty()) {
                known.remove(0);
            }
            (!known.is_empty()).then(|| known.into_iter().map(str::to_owned).collect())
        });
        each.collect()
    }

    /// `> V` begins with the next UTC midnight after V (API-32).
    fn is_after(&self, have: &Datum, wanted: &Datum) -> bool {
        match (have, wanted) {
            (Datum::Seconds(at), Datum::Seconds(day)) if !self.exact => *at >= (day / DAY_S + 1).saturating_mul(DAY_S),
            _ => order(have, wanted).is_some_and(Ordering::is_gt),
        }
    }

    /// `< V` ends with the last UTC midnight before it (API-32).
    fn is_before(&self, have: &Datum, wanted: &Datum) -> bool {
        match (have, wanted) {
            (Datum::Seconds(at), Datum::Seconds(day)) if !self.exact => *at < day / DAY_S * DAY_S,
            _ => order(have, wanted).is_some_and(Ordering::is_lt),
        }
    }

    /// A text holds another one: anywhere, or as whole words in their order.
    fn contains(&self, text: &str, wanted: &str) -> bool {
        if self.kind != Kind::Words {
            return text.contains(wanted);
        }
        let (text, wanted) = (words(text), words(wanted));
        !wanted.is_empty() && text.windows(wanted.len()).any(|window| window == wanted.as_slice())
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

fn text_of<'a>(have: &'a Datum, wanted: &'a Datum) -> Option<(&'a str, &'a str)> {
    match (have, wanted) {
        (Datum::Text(have), Datum::Text(wanted)) => Some((have, wanted)),
        _ => None,
    }
}

fn order(have: &Datum, wanted: &Datum) -> Option<Ordering> {
    match (have, wanted) {
        (Datum::Id(have), Datum::Id(wanted)) | (Datum::Seconds(have), Datum::Seconds(wanted)) => Some(have.cmp(wanted)),
        (Datum::Number(have), Datum::Number(wanted)) => have.partial_cmp(wanted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: Kind, operator: &str, values: &[Scalar], exact: bool) -> Result<Condition<()>, Refusal> {
        let asked = AskedCondition {
            field: "f".to_owned(),
            operator: Operator::parse(operator).unwrap(),
            values: values.to_vec(),
        };
        match understand(&Asked::Is(asked), exact, &|_| Some(((), kind)))? {
            Query::Is(condition) => Ok(condition),
            Query::All(_) | Query::Any(_) => unreachable!("a condition stays one"),
        }
    }

    fn number(text: &str) -> Scalar {
        Scalar::Number(text.to_owned())
    }

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.to_owned())
    }

    #[test]
    fn api_31_only_words_that_cannot_be_pieces_are_whole() {
        let of = |kind, operator, wanted: &str| {
            let found = condition(kind, operator, &[text(wanted)], false).unwrap().whole_words();
            found.map(|each| each.concat().join(" "))
        };
        for (kind, operator, wanted, expected) in [
            (Kind::Words, "~", "VAT number", Some("vat number")),
            (Kind::Words, "=", "vat", Some("vat")),
            (Kind::Words, "!~", "vat", None),
            (Kind::Text, "=", "Wrong VAT", Some("wrong vat")),
            (Kind::Text, "!=", "Wrong VAT", None),
            (Kind::Text, "~", "rong VAT numb", Some("vat")),
            (Kind::Text, "~", "wrong vat", None),
            (Kind::Text, "~", " vat ", Some("vat")),
            (Kind::Text, "^", "Wrong VA", Some("wrong")),
            (Kind::Text, "^", "Wrong ", Some("wrong")),
            (Kind::Text, "^", "Wro", None),
            (Kind::Text, "$", "rong VAT", Some("vat")),
            (Kind::Text, "$", "vat", None),
            (Kind::Text, "~", "?!", None),
            (Kind::Word, "=", "open", None),
        ] {
            assert_eq!(of(kind, operator, wanted).as_deref(), expected, "{operator} {wanted:?}");
        }
        let several = condition(Kind::Text, "IN", &[text("a b"), text("c")], false).unwrap().whole_words();
        assert_eq!(several.unwrap(), [vec!["a", "b"], vec!["c"]]);
        let one_is_nothing = condition(Kind::Text, "IN", &[text("a"), text("-")], false).unwrap().whole_words();
        assert_eq!(one_is_nothing, None);
    }

    #[test]
    fn tst_115_dates_compare_by_day_unless_asked_exactly() {
        // 2026-01-01 12:00:00 UTC.
        let noon = 1_767_268_800;
        let midnight = 1_767_225_600;
        let table = [
            (">", false, noon + 1, false),
            (">", false, midnight + DAY_S - 1, false),
            (">", false, midnight + DAY_S, true),
            ("<", false, midnight, false),
            ("<", false, midnight - 1, true),
            (">", true, noon, false),
            (">", true, noon + 1, true),
            ("<", true, noon - 1, true),
            (">=", false, noon, true),
            (">=", false, noon - 1, false),
            ("<=", false, noon + 1, false),
        ];
        for (operator, exact, at, expected) in table {
            let condition = condition(Kind::Moment, operator, &[number(&noon.to_string())], exact).unwrap();
            assert_eq!(condition.holds(&[Datum::Seconds(at)]), expected, "{operator} {at} exact {exact}");
        }
        let iso = condition(Kind::Moment, "=", &[text("2026-01-01T13:00:00+01:00")], false).unwrap();
        assert!(iso.holds(&[Datum::Seconds(noon)]));
    }

    #[test]
    fn api_30_operators_mean_what_they_say() {
        let table = [
            (Kind::Text, "=", vec![text("Ana")], vec![Datum::text("ANA")], true),
            (Kind::Text, "!=", vec![text("Ana")], vec![], true),
            (Kind::Text, "~", vec![text("n")], vec![Datum::text("Ana")], true),
            (Kind::Text, "!~", vec![text("x")], vec![Datum::text("Ana")], true),
            (Kind::Text, "^", vec![text("an")], vec![Datum::text("Ana")], true),
            (Kind::Text, "$", vec![text("an")], vec![Datum::text("Ana")], false),
            (Kind::Words, "~", vec![text("wrong VAT")], vec![Datum::text("The wrong vat!")], true),
            (Kind::Words, "=", vec![text("vat")], vec![Datum::text("The wrong VAT!")], true),
            (Kind::Words, "~", vec![text("wro")], vec![Datum::text("The wrong VAT!")], false),
            (Kind::Id, "IN", vec![text("1"), number("2")], vec![Datum::Id(2)], true),
            (Kind::Id, "NIN", vec![text("1")], vec![Datum::Id(2)], true),
            (Kind::Id, "=", vec![number("0")], vec![], true),
            (Kind::Id, "=", vec![Scalar::Null], vec![Datum::Id(1)], false),
            (Kind::Id, "=", vec![text("x")], vec![], false),
            (Kind::Number, ">=", vec![number("2.5")], vec![Datum::Number(2.5)], true),
            (Kind::Flag, "=", vec![text("true")], vec![Datum::Flag(true)], true),
            (Kind::Contact, "=", vec![text("00000000000000000000000b")], vec![Datum::Id(11)], true),
        ];
        for (kind, operator, values, have, expected) in table {
            let condition = condition(kind, operator, &values, false).unwrap();
            assert_eq!(condition.holds(&have), expected, "{kind:?} {operator} {values:?} {have:?}");
        }
    }

    #[test]
    fn api_30_what_does_not_fit_is_refused() {
        let table = [
            (Kind::Flag, ">", vec![Scalar::Flag(true)]),
            (Kind::Text, ">", vec![text("a")]),
            (Kind::Id, "~", vec![text("1")]),
            (Kind::Id, "=", vec![Scalar::Flag(true)]),
            (Kind::Moment, "=", vec![text("soon")]),
            (Kind::Number, "=", vec![text("many")]),
            (Kind::Number, "=", vec![text("NaN")]),
            (Kind::Text, "=", vec![number("3")]),
            (Kind::Text, "=", vec![text("a"), text("b")]),
            (Kind::Flag, "=", vec![number("1")]),
        ];
        for (kind, operator, values) in table {
            let refused = condition(kind, operator, &values, false).unwrap_err();
            assert!(
                matches!(refused, Refusal::Invalid { code: "data_invalid", .. }),
                "{kind:?} {operator} {refused:?}"
            );
        }
        let asked = AskedCondition { field: "x".to_owned(), operator: Operator::Equal, values: vec![Scalar::Null] };
        let unknown = understand::<()>(&Asked::Is(asked), false, &|_| None).unwrap_err();
        assert!(matches!(unknown, Refusal::Invalid { code: "invalid_field", .. }));
    }
}
