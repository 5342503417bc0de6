//! What a sample type says in another language, and to whom it is offered.

use crate::domain::id::AttributeId;
use crate::domain::search::Asked;
use crate::domain::search::AskedCondition;
use crate::domain::search::Operator;
use crate::domain::search::Scalar;
use crate::domain::translation::TypeTexts;
use std::collections::BTreeMap;

pub(super) fn german() -> TypeTexts {
    TypeTexts {
        name: "Rechnung".to_owned(),
        submitted_message: "Danke".to_owned(),
        attributes: BTreeMap::from([(AttributeId(38), "Tarif".to_owned())]),
        options: BTreeMap::from([((AttributeId(38), "1".to_owned()), "Klein".to_owned())]),
    }
}

pub(super) fn audience_rule() -> Asked {
    let is = |field: &str, operator, values| Asked::Is(AskedCondition { field: field.to_owned(), operator, values });
    let values = vec![Scalar::Text("pro".to_owned()), Scalar::Number("2".to_owned())];
    let plan = is("company.plan", Operator::In, values);
    let others =
        [is("blocked", Operator::NotEqual, vec![Scalar::Flag(true)]), is("name", Operator::Equal, vec![Scalar::Null])];
    Asked::Any(vec![plan, Asked::All(others.to_vec())])
}
