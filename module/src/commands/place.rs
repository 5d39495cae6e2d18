//! Where in a document a value goes, and how.
//!
//! A change is planned first, when it can still fail, and then done.

use super::matches::change_each;
use crate::budget::Budget;
use crate::document::{Document, check_depth};
use crate::failure::Failure;
use crate::path::{Location, Path, Step};
use crate::string::JsonString;
use crate::text;
use crate::value::{Kind, Value};

/// What becomes of what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The value takes its place.
    Replace,
    /// The value is a merge patch for it (RFC 7396).
    Merge,
}

impl How {
    fn put(self, target: &mut Value, value: Value) {
        match self {
            Self::Replace => *target = value,
            Self::Merge => patch(target, value),
        }
    }

    /// What comes of it where nothing is there.
    pub fn made(self, value: Value) -> Value {
        let mut made = Value::NULL;
        self.put(&mut made, value);
        made
    }
}

/// Where a value goes.
pub enum Place {
    /// To these places, where something is.
    Existing(Vec<Location>),
    /// Into an object or an array, as a new child.
    New(Location, Child),
}

/// A new child.
pub enum Child {
    /// Of an object, with that name.
    Member(JsonString),
    /// Of an array, at its end.
    Element,
}

impl Place {
    /// The places that a path matches, or the one that it could make.
    ///
    /// # Errors
    /// If it matches nothing and names nothing that could be made.
    pub fn find(root: &Value, path: &Path, budget: &Budget) -> Result<Self, Failure> {
        let locations = path.locate(root, budget)?;
        if !locations.is_empty() {
            return Ok(Self::Existing(locations));
        }
        let cannot = |why| Failure::err(format!("Path '{path}' matches nothing and {why}"));
        if !path.is_single() {
            return Err(cannot("cannot be created: it could mean several places"));
        }
        let nothing = || cannot("cannot be created: what should hold it does not exist");
        let (parent, last) = path.split_last().ok_or_else(nothing)?;
        let parent = parent.locate(root, budget)?.pop().ok_or_else(nothing)?;
        let child = match (parent.get(root).map(Value::kind), last) {
            (Some(Kind::Object(_)), Step::Name(name)) => Child::Member(name.into()),
            (Some(Kind::Array(elements)), Step::Index(index)) => {
                if usize::try_from(index) != Ok(elements.len()) {
                    return Err(Failure::err("array index out of range"));
                }
                Child::Element
            }
            _ => return Err(cannot("cannot be created: what should hold it is of another type")),
        };
        Ok(Self::New(parent, child))
    }

    /// Plans that a value, of at most so many bytes of text, goes there.
    ///
    /// # Errors
    /// If the document would get too deep or too long, or if it is too much work.
    pub fn reserve(
        &self,
        document: &mut Document,
        value: &Value,
        text_bound: usize,
        budget: &Budget,
    ) -> Result<(), Failure> {
        let more = match self {
            Self::Existing(locations) => {
                let deepest = locations.iter().map(Location::len).max().unwrap_or(0);
                check_depth(deepest, value)?;
                if locations.len() > 1 {
                    let copied = size_of::<Value>() + value.heap_bytes();
                    budget.spend_bytes(copied.saturating_mul(locations.len()))?;
                }
                text_bound.saturating_mul(locations.len())
            }
            Self::New(parent, child) => {
                check_depth(parent.len() + 1, value)?;
                // A comma, and a colon.
                text_bound
                    + match child {
                        Child::Member(name) => 2 + text::to_vec(&name.as_str().into()).len(),
                        Child::Element => 1,
                    }
            }
        };
        document.grow(more)
    }

    /// Puts the value there.
    pub fn fill(&self, root: &mut Value, value: Value, how: How) {
        match self {
            Self::Existing(locations) => match locations.as_slice() {
                // Without a copy.
                [only] => {
                    if let Some(target) = only.get_mut(root) {
                        how.put(target, value);
                    }
                }
                locations => {
                    change_each(root, locations, |_, target| how.put(target, value.clone()));
                }
            },
            Self::New(parent, child) => {
                let Some(parent) = parent.get_mut(root) else { return };
                let value = how.made(value);
                match child {
                    Child::Member(name) => parent.set_member(name.clone(), value),
                    Child::Element => {
                        if let Some(elements) = parent.elements_mut() {
                            elements.push(value);
                        }
                    }
                }
            }
        }
    }
}

/// Merges a patch into a value (RFC 7396, section 2).
fn patch(target: &mut Value, change: Value) {
    if !matches!(change.kind(), Kind::Object(_)) {
        *target = change;
        return;
    }
    if !matches!(target.kind(), Kind::Object(_)) {
        *target = Value::empty_object();
    }
    let mut gone = Vec::new();
    for (name, change) in change.into_members() {
        let found = match target.kind() {
            Kind::Object(object) => object.find(name.as_str()).map(|(position, _)| position),
            _ => None,
        };
        match (found, change.kind()) {
            (Some(position), Kind::Null) => gone.push(position),
            (None, Kind::Null) => {}
            (Some(position), _) => {
                if let Some(member) = target.child_mut(position) {
                    patch(member, change);
                }
            }
            (None, _) => target.set_member(name, How::Merge.made(change)),
        }
    }
    gone.sort_unstable();
    target.remove_children(&gone);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7396, appendix A, but for what patches something that is not there.
    #[test]
    fn patches_are_those_of_the_rfc() {
        for (target, patch_text, want) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut value = text::parse(target.as_bytes()).unwrap();
            patch(&mut value, text::parse(patch_text.as_bytes()).unwrap());
            assert_eq!(
                String::from_utf8(text::to_vec(&value)).unwrap(),
                want,
                "{target} {patch_text}"
            );
        }
    }
}
