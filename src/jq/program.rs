//! A compiled filter. Only the child runs one.

use jaq_core::load::{self, Arena, File, Loader, lex, parse};
use jaq_core::{Compiler, Ctx, Vars, compile, data, unwrap_valr};
use jaq_json::{Val, read};

/// Functions of jq that are left out: they end the process, read its surroundings, or give something else each time.
const LEFT_OUT: [&str; 12] = [
    "halt",
    "halt_error",
    "env",
    "input",
    "inputs",
    "input_filename",
    "stderr",
    "debug",
    "now",
    "localtime",
    "strflocaltime",
    "get_search_list",
];

/// Native parts of the functions that are left out.
const PARTS_LEFT_OUT: [&str; 2] = ["stderr_empty", "debug_empty"];

/// A compiled filter.
pub(super) struct Program(jaq_core::Filter<data::JustLut<Val>>);

impl Program {
    /// Compiles the text of a filter; the error says what is wrong, and where.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let is_in = |name: &str| !LEFT_OUT.contains(&name) && !PARTS_LEFT_OUT.contains(&name);
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).filter(|def| is_in(def.name));
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(|fun| is_in(fun.0));
        let arena = Arena::default();
        let modules =
            Loader::new(defs).load(&arena, File { code: text, path: () }).map_err(|e| unreadable(text, &e))?;
        Compiler::default().with_funs(funs).compile(modules).map(Self).map_err(|e| undefined(text, &e))
    }

    /// Applies the filter to a JSON text. The error is the filter's own.
    pub(super) fn run(&self, line: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let input = read::parse_single(line).map_err(|e| e.to_string())?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let values = self.0.id.run((context, input)).map(unwrap_valr);
        values.map(|value| value.map(|value| value.to_string().into_bytes()).map_err(|e| e.to_string())).collect()
    }
}

/// Returns "line 1, column 5" of a part of a text.
fn place(text: &str, part: &str) -> String {
    let before = text.get(..load::span(text, part).start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}")
}

/// Quotes what stands at a place, as far as it helps.
fn found(part: &str) -> String {
    let first: String = part.chars().take_while(|c| *c != '\n').take(20).collect();
    if first.trim().is_empty() { "the end".to_owned() } else { format!("`{}`", first.trim_end()) }
}

fn unreadable(text: &str, errors: &load::Errors<&str, ()>) -> String {
    let Some((_, error)) = errors.first() else { return "it can't be read".to_owned() };
    match error {
        load::Error::Io(which) => match which.first() {
            Some((path, _)) => format!("{}: a filter can't load modules", place(text, path)),
            None => "a filter can't load modules".to_owned(),
        },
        load::Error::Lex(all) => match all.first() {
            Some((expected, at)) => {
                let (place, expected): (_, &lex::Expect<&str>) = (place(text, at), expected);
                format!("{place}: expected {}, found {}", expected.as_str(), found(at))
            }
            None => "it can't be read".to_owned(),
        },
        load::Error::Parse(all) => match all.first() {
            Some((expected, at)) => {
                let (place, expected): (_, &parse::Expect<&str>) = (place(text, at), expected);
                format!("{place}: expected {}, found {}", expected.as_str(), found(at))
            }
            None => "it can't be read".to_owned(),
        },
    }
}

fn undefined(text: &str, errors: &compile::Errors<&str, ()>) -> String {
    let Some((name, what)) = errors.iter().flat_map(|(_, all)| all).next() else {
        return "it can't be compiled".to_owned();
    };
    let place = place(text, name);
    match what {
        compile::Undefined::Filter(_) if LEFT_OUT.contains(name) => {
            format!("{place}: `{name}` is left out here, so that a filter gives the same for the same line, always")
        }
        compile::Undefined::Filter(arity) => match arity {
            0 => format!("{place}: there is no function `{name}`"),
            arity => format!("{place}: there is no function `{name}` of {arity} arguments"),
        },
        compile::Undefined::Var if *name == "$ENV" => format!("{place}: a filter has no environment"),
        what => format!("{place}: there is no {} `{name}`", what.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, line: &str) -> Result<Vec<String>, String> {
        let program = Program::compile(text).map_err(|e| format!("wrong: {e}"))?;
        let lines = program.run(line.as_bytes())?;
        Ok(lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect())
    }

    #[test]
    fn a_filter_gives_any_number_of_lines() {
        assert_eq!(run(".", r#"{"b":1,"a":1.10}"#).unwrap(), [r#"{"b":1,"a":1.10}"#], "numbers and order as they are");
        assert_eq!(run("empty", "{}").unwrap(), [""; 0]);
        assert_eq!(
            run(".a[]", r#"{"a":[1,"x",12345678901234567890,1e400]}"#).unwrap(),
            ["1", "\"x\"", "12345678901234567890", "1e400"]
        );
        let time = run("(.t / 1000 | todate), (.s | fromdate)", r#"{"t":1706691600000,"s":"2024-01-31T09:00:00Z"}"#);
        assert_eq!(time.unwrap(), ["\"2024-01-31T09:00:00Z\"", "1706691600"]);
        assert_eq!(
            run(r#"select(.level == "error") | {body}"#, r#"{"level":"error","body":"é\u0001"}"#).unwrap(),
            [r#"{"body":"é\u0001"}"#]
        );
    }

    #[test]
    fn what_would_end_the_process_or_differ_each_time_is_left_out() {
        for text in ["halt", "halt_error", "env", "now", "localtime", "input", "inputs", "debug", "stderr"] {
            let error = run(text, "{}").unwrap_err();
            assert!(error.starts_with("wrong: line 1, column 1: ") && error.contains("left out"), "{text}: {error}");
        }
        for text in ["$ENV.HOME", "$__loc__x", "import \"a\" as a; .", "include \"a\"; .", "input_line_number"] {
            let error = run(text, "{}").unwrap_err();
            assert!(error.starts_with("wrong: "), "{text}: {error}");
        }
    }

    #[test]
    fn an_error_names_its_place() {
        let errors: Vec<String> = [".a |", "{a: }", ". | foo(1)", ".a\n| bar", "\"abc", "select(.a == 1", "$x", ")"]
            .into_iter()
            .map(|text| format!("{text:?}: {}", run(text, "{}").unwrap_err()))
            .collect();
        insta::assert_snapshot!(errors.join("\n"));
        assert_eq!(run(".a.b", r#"{"a":[]}"#).unwrap_err(), r#"cannot index [] with "b""#);
        assert!(run("error(\"why\")", "{}").unwrap_err().contains("why"));
    }
}
