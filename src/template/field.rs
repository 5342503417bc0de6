//! Finds what a field name of a template means, in a sample whose every field is filled.

use serde_json::Value;

/// Where a name is looked up: the samples of the enclosing `{{#each}}`s or of the partial, outermost first.
#[derive(Debug)]
pub(super) struct Scope {
    stack: Vec<Value>,
    /// `@root` means the whole view only outside partials.
    root: bool,
}

impl Scope {
    pub(super) fn of_view(sample: &Value) -> Self {
        Self { stack: vec![sample.clone()], root: true }
    }

    pub(super) fn of_partial(sample: Value) -> Self {
        Self { stack: vec![sample], root: false }
    }

    /// What `this` is.
    pub(super) fn this(&self) -> &Value {
        self.stack.last().unwrap_or(&Value::Null)
    }

    pub(super) fn is_in_each(&self) -> bool {
        self.stack.len() > 1
    }

    pub(super) fn enter(&mut self, item: Value) {
        self.stack.push(item);
    }

    pub(super) fn leave(&mut self) {
        self.stack.pop();
    }

    /// The sample value of `name`.
    pub(super) fn find(&self, name: &str) -> Result<Value, String> {
        if name.starts_with('@') && !name.starts_with("@root.") {
            return self.find_local(name);
        }
        let mut depth = self.stack.len();
        let mut rest = name;
        if let Some(below) = name.strip_prefix("@root.") {
            if !self.root {
                return Err("@root cannot be used in a partial; give it the value: {{> name field=value}}".to_owned());
            }
            (depth, rest) = (1, below);
        }
        while let Some(below) = rest.strip_prefix("../") {
            depth = depth.checked_sub(1).filter(|left| *left > 0).ok_or_else(|| format!("{name} leads outside"))?;
            rest = below;
        }
        let rest = rest.strip_prefix("this.").or_else(|| rest.strip_prefix("./")).unwrap_or(rest);
        let start = self.stack.get(depth - 1).unwrap_or(&Value::Null);
        if rest == "this" { Ok(start.clone()) } else { walk(start, name, rest) }
    }

    fn find_local(&self, name: &str) -> Result<Value, String> {
        match name {
            "@first" | "@last" if self.is_in_each() => Ok(Value::Bool(true)),
            "@index" if self.is_in_each() => Ok(Value::from(1)),
            _ => Err(format!("{name} is not known here; inside {{{{#each}}}} there are @first, @last and @index")),
        }
    }
}

fn walk(start: &Value, name: &str, rest: &str) -> Result<Value, String> {
    let mut here = start;
    for field in rest.split('.') {
        here = here.as_object().and_then(|fields| fields.get(field)).ok_or_else(|| match here.as_object() {
            Some(fields) => {
                let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                format!("there is no {name}; here are {}", known.join(", "))
            }
            None => format!("there is no {name}: {field} is asked of something without fields"),
        })?;
    }
    Ok(here.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_from_where_they_stand() {
        let mut scope = Scope::of_view(&json!({"contact": {"name": "Ben"}, "parts": [{"body": "x"}]}));
        assert_eq!(scope.find("contact.name"), Ok(json!("Ben")));
        assert_eq!(scope.find("contact.nmae").unwrap_err(), "there is no contact.nmae; here are name");
        assert!(scope.find("../contact").is_err());
        assert!(scope.find("@index").is_err());
        scope.enter(json!({"body": "x"}));
        for (name, value) in [
            ("body", json!("x")),
            ("this.body", json!("x")),
            ("../contact.name", json!("Ben")),
            ("@root.contact.name", json!("Ben")),
            ("@index", json!(1)),
        ] {
            assert_eq!(scope.find(name), Ok(value), "{name}");
        }
        assert!(scope.find("contact.name").is_err());
    }
}
