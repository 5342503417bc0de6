//! Stored form of the rule that says to whom a type is offered.
//!
//! **Invariant:** rules have few levels, because whoever writes one counts them; what is read here was written so.

use crate::domain::search::Asked;
use crate::domain::search::AskedCondition;
use crate::domain::search::Operator;
use crate::domain::search::Scalar;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use serde::Deserialize;
use serde::Serialize;

/// Append only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredRule {
    All(Vec<StoredRule>),
    Any(Vec<StoredRule>),
    Is { field: String, operator: u8, values: Vec<StoredScalar> },
}

/// Append only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredScalar {
    Null,
    Flag(bool),
    Number(String),
    Text(String),
}

impl From<&Asked> for StoredRule {
    fn from(rule: &Asked) -> Self {
        let scalar = |value: &Scalar| match value {
            Scalar::Null => StoredScalar::Null,
            Scalar::Flag(yes) => StoredScalar::Flag(*yes),
            Scalar::Number(number) => StoredScalar::Number(number.clone()),
            Scalar::Text(text) => StoredScalar::Text(text.clone()),
        };
        match rule {
            Asked::All(parts) => Self::All(parts.iter().map(Self::from).collect()),
            Asked::Any(parts) => Self::Any(parts.iter().map(Self::from).collect()),
            Asked::Is(AskedCondition { field, operator, values }) => Self::Is {
                field: field.clone(),
                operator: operator.code(),
                values: values.iter().map(scalar).collect(),
            },
        }
    }
}

impl StoredRule {
    pub(crate) fn restore(self) -> Restored<Asked> {
        let scalar = |value| match value {
            StoredScalar::Null => Scalar::Null,
            StoredScalar::Flag(yes) => Scalar::Flag(yes),
            StoredScalar::Number(number) => Scalar::Number(number),
            StoredScalar::Text(text) => Scalar::Text(text),
        };
        Ok(match self {
            Self::All(parts) => Asked::All(parts.into_iter().map(Self::restore).collect::<Restored<_>>()?),
            Self::Any(parts) => Asked::Any(parts.into_iter().map(Self::restore).collect::<Restored<_>>()?),
            Self::Is { field, operator, values } => Asked::Is(AskedCondition {
                field,
                operator: Operator::of(operator)?,
                values: values.into_iter().map(scalar).collect(),
            }),
        })
    }
}
