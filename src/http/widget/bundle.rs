//! One script out of many modules, so that a browser asks once and one compression serves all of it.
//!
//! Each module becomes a function that runs once and gives what it exports, in the order in which they need each other;
//! a module that is asked for while the frame runs stays a file of its own.
//!
//! **Invariant:** modules are written as here: one import to a line, exports of `const` and `class` at the beginning of
//! theirs, one `export default {` that ends its file, and no circle of imports.

use crate::http::widget::assets::condensed;

/// The script that begins with `entry`; `source` gives the text of a module by its path. A module that is missing is left
/// out with what needs it, which a test finds.
pub(super) fn bundled(entry: &str, source: &dyn Fn(&str) -> Option<&'static str>) -> String {
    let mut bundle = Bundle { source, modules: Vec::new(), script: String::new() };
    bundle.add(entry);
    bundle.script
}

struct Bundle<'a> {
    source: &'a dyn Fn(&str) -> Option<&'static str>,
    /// Paths, by the number in their names.
    modules: Vec<String>,
    script: String,
}

impl Bundle<'_> {
    /// The module's number, once everything it needs and itself stand in the script.
    fn add(&mut self, path: &str) -> Option<usize> {
        if let Some(known) = self.modules.iter().position(|known| known == path) {
            return Some(known);
        }
        let text = condensed((self.source)(path)?);
        let (mut body, mut exports) = (String::new(), Vec::new());
        for line in text.lines() {
            if let Some((names, from)) = import(line) {
                let module = self.add(&resolved(path, from))?;
                let whole = if names.starts_with('{') { "" } else { ".default" };
                body.push_str(&format!("const {names}=m{module}{whole};\n"));
            } else if let Some(rest) = line.strip_prefix("export default ") {
                exports.push("default:whole");
                body.push_str(&format!("const whole={rest}\n"));
            } else if let Some(rest) = line.strip_prefix("export ") {
                exports.extend(declared(rest));
                body.push_str(rest);
                body.push('\n');
            } else {
                body.push_str(line);
                body.push('\n');
            }
        }
        let number = self.modules.len();
        self.modules.push(path.to_owned());
        let exports = exports.join(",");
        self.script.push_str(&format!("const m{number}=(()=>{{\n{body}return{{{exports}}};\n}})();\n"));
        Some(number)
    }
}

/// What an import names, and from where.
pub(super) fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from '")?;
    Some((names, from.strip_suffix("';")?))
}

/// The name that a `const` or a `class` declares.
fn declared(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("const ").or_else(|| line.strip_prefix("class "))?;
    rest.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').next()
}

/// The path of what a module at `path` calls `named`.
pub(super) fn resolved(path: &str, named: &str) -> String {
    if let Some(rest) = named.strip_prefix("../") {
        return rest.to_owned();
    }
    let named = named.trim_start_matches("./");
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{named}"),
        None => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_stand_in_the_order_they_need_each_other_and_each_once() {
        let source = |path: &str| {
            Some(match path {
                "app.js" => {
                    "import { B } from './views/b.js';\nimport { c } from './c.js';\nexport const app = new B(c);\n"
                }
                "views/b.js" => {
                    "import { c } from '../c.js';\nimport d from './d.js';\nexport class B {\n  d = d;\n}\n"
                }
                "views/d.js" => "// Texts.\nexport default {\n  a: 1,\n};\n",
                "c.js" => "export const C_MAX = 1;\nexport const c = C_MAX;\n",
                _ => return None,
            })
        };
        let expected = "const m0=(()=>{\nconst C_MAX = 1;\nconst c = C_MAX;\nreturn{C_MAX,c};\n})();\n\
                        const m1=(()=>{\nconst whole={\na: 1,\n};\nreturn{default:whole};\n})();\n\
                        const m2=(()=>{\nconst { c }=m0;\nconst d=m1.default;\nclass B {\nd = d;\n}\nreturn{B};\n})();\n\
                        const m3=(()=>{\nconst { B }=m2;\nconst { c }=m0;\nconst app = new B(c);\nreturn{app};\n})();\n";
        assert_eq!(bundled("app.js", &source), expected);
        assert_eq!(bundled("none.js", &source), "");
    }
}
