//! Filters: RFC 9535, 2.3.5, and `=~`.

use super::cursor::Cursor;
use super::error::PathError;
use super::function::{self, Call};
use super::literal;
use super::parse;
use super::tree::{Comparison, Extent, Operand, Query, Test};
use crate::value::Value;

/// What a test begins with.
enum Primary {
    Literal(Value),
    Query(Query),
    Call(Call),
}

/// A test, with `||`, `&&` and all.
pub(super) fn test(cursor: &mut Cursor<'_>) -> Result<Test, PathError> {
    chain(cursor, "||", Test::Any, |cursor| chain(cursor, "&&", Test::All, basic))
}

/// Tests with an operator between them.
fn chain(
    cursor: &mut Cursor<'_>,
    operator: &str,
    join: fn(Vec<Test>) -> Test,
    read: fn(&mut Cursor<'_>) -> Result<Test, PathError>,
) -> Result<Test, PathError> {
    cursor.skip_space();
    let first = read(cursor)?;
    let mut tests = Vec::new();
    cursor.skip_space();
    while cursor.take(operator) {
        cursor.skip_space();
        tests.push(read(cursor)?);
        cursor.skip_space();
    }
    if tests.is_empty() {
        return Ok(first);
    }
    tests.insert(0, first);
    Ok(join(tests))
}

fn basic(cursor: &mut Cursor<'_>) -> Result<Test, PathError> {
    if cursor.sees("!") {
        cursor.take("!");
        cursor.skip_space();
        let test = if cursor.sees("(") { parenthesis(cursor)? } else { stated(cursor)? };
        return Ok(Test::Not(Box::new(test)));
    }
    if cursor.sees("(") {
        return parenthesis(cursor);
    }
    let from = cursor.mark();
    let left = primary(cursor)?;
    let before = cursor.mark();
    cursor.skip_space();
    if cursor.take("=~") {
        let text = operand(cursor, from, left)?;
        cursor.skip_space();
        return matches(cursor, text);
    }
    let Some(how) = comparison(cursor) else {
        cursor.back_to(before);
        return holds(cursor, from, left);
    };
    let left = operand(cursor, from, left)?;
    cursor.skip_space();
    let from = cursor.mark();
    let right = primary(cursor)?;
    Ok(Test::Compares(left, how, operand(cursor, from, right)?))
}

fn parenthesis(cursor: &mut Cursor<'_>) -> Result<Test, PathError> {
    cursor.expect("(", "expected '('")?;
    let inner = cursor.nested(test)?;
    cursor.skip_space();
    cursor.expect(")", "expected '&&', '||' or ')'")?;
    Ok(inner)
}

/// A query or a call that is itself true or false.
fn stated(cursor: &mut Cursor<'_>) -> Result<Test, PathError> {
    let from = cursor.mark();
    let primary = primary(cursor)?;
    holds(cursor, from, primary)
}

fn holds(cursor: &Cursor<'_>, from: usize, primary: Primary) -> Result<Test, PathError> {
    match primary {
        Primary::Query(query) => Ok(Test::Exists(query)),
        Primary::Call(Call::Test(test)) => Ok(test),
        Primary::Literal(_) => Err(cursor.error_at(from, "a literal must be compared")),
        Primary::Call(Call::Operand(_)) => {
            Err(cursor.error_at(from, "this function's result must be compared"))
        }
    }
}

fn operand(cursor: &Cursor<'_>, from: usize, primary: Primary) -> Result<Operand, PathError> {
    match primary {
        Primary::Literal(value) => Ok(Operand::Literal(value)),
        Primary::Query(query) if query.is_single() => Ok(Operand::Single(query)),
        Primary::Query(_) => {
            Err(cursor.error_at(from, "a path that is compared has only names and indices"))
        }
        Primary::Call(Call::Operand(operand)) => Ok(operand),
        Primary::Call(Call::Test(_)) => {
            Err(cursor.error_at(from, "this function's result cannot be compared"))
        }
    }
}

/// A literal, a path of one value at most, or a call that gives a value.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Result<Operand, PathError> {
    let from = cursor.mark();
    let primary = primary(cursor)?;
    operand(cursor, from, primary)
}

fn primary(cursor: &mut Cursor<'_>) -> Result<Primary, PathError> {
    match cursor.peek() {
        Some('@' | '$') => Ok(Primary::Query(query(cursor)?)),
        Some('"' | '\'') => Ok(Primary::Literal(literal::string(cursor)?.as_str().into())),
        Some('-' | '0'..='9') => Ok(Primary::Literal(literal::number(cursor)?)),
        Some('a'..='z') => word(cursor),
        _ => cursor.fail("expected '@', '$', a literal, a function, '!' or '('"),
    }
}

/// A path that begins with `@` or `$`.
pub(super) fn query(cursor: &mut Cursor<'_>) -> Result<Query, PathError> {
    let from_root = cursor.take("$");
    if !from_root {
        cursor.expect("@", "expected '@' or '$'")?;
    }
    Ok(Query { from_root, segments: parse::all(cursor)? })
}

/// A function or a literal that is a word.
fn word(cursor: &mut Cursor<'_>) -> Result<Primary, PathError> {
    let from = cursor.mark();
    let word = cursor.take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if cursor.sees("(") {
        let call = cursor.nested(|cursor| function::call(cursor, word, from))?;
        return Ok(Primary::Call(call));
    }
    match word {
        "true" => Ok(Primary::Literal(true.into())),
        "false" => Ok(Primary::Literal(false.into())),
        "null" => Ok(Primary::Literal(Value::NULL)),
        _ => Err(cursor.error_at(from, "expected true, false, null or a function")),
    }
}

fn comparison(cursor: &mut Cursor<'_>) -> Option<Comparison> {
    let operators = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    operators.into_iter().find(|(token, _)| cursor.take(token)).map(|(_, how)| how)
}

/// What follows `=~`. Here an expression that is none is an error: no rule
/// says that it matches nothing.
fn matches(cursor: &mut Cursor<'_>, text: Operand) -> Result<Test, PathError> {
    let from = cursor.mark();
    let pattern = value(cursor)?;
    let matcher = function::matcher(cursor, from, pattern, Extent::Part)?;
    if matcher.is_never() {
        return Err(cursor.error_at(from, "expected a regular expression"));
    }
    Ok(Test::Matches(text, matcher))
}
