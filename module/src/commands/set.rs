//! Giving values: JSON.SET, JSON.MSET and JSON.MERGE.
//!
//! A change is planned first, when it can still fail, and then done.

use std::collections::HashMap;
use std::ffi::CStr;

use super::matches::change_each;
use super::path;
use crate::document::{Document, check_depth};
use crate::failure::Failure;
use crate::path::{Location, Path, Step};
use crate::reply::Reply;
use crate::server::Call;
use crate::string::JsonString;
use crate::text;
use crate::value::{Kind, Value};

const OK: Reply = Reply::Status(c"OK");

/// When JSON.SET sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    /// NX: if there is nothing yet.
    Missing,
    /// XX: if there is something.
    Existing,
}

/// Where in a document a value goes.
enum Place {
    /// To these places, instead of what is there.
    Existing(Vec<Location>),
    /// Into an object or an array, as a new child.
    New(Location, Child),
}

enum Child {
    Member(JsonString),
    Element,
}

impl Place {
    /// The places that a path matches, or the one that it could make.
    ///
    /// # Errors
    /// If it matches nothing and names nothing that could be made.
    fn find(root: &Value, path: &Path) -> Result<Self, Failure> {
        let locations = path.locate(root)?;
        if !locations.is_empty() {
            return Ok(Self::Existing(locations));
        }
        let nothing =
            || Failure::err(format!("Path '{path}' matches nothing and cannot be created"));
        if !path.is_single() {
            return Err(nothing());
        }
        let (parent, last) = path.split_last().ok_or_else(nothing)?;
        let parent = parent.locate(root)?.pop().ok_or_else(|| {
            Failure::err(format!(
                "Path '{path}' cannot be created: what should hold it does not exist"
            ))
        })?;
        let child = match (parent.get(root).map(Value::kind), last) {
            (Some(Kind::Object(_)), Step::Name(name)) => Child::Member(name.into()),
            (Some(Kind::Array(elements)), Step::Index(index)) => {
                if usize::try_from(index) != Ok(elements.len()) {
                    return Err(Failure::err("array index out of range"));
                }
                Child::Element
            }
            _ => return Err(nothing()),
        };
        Ok(Self::New(parent, child))
    }

    /// Whether a value may go there; the bytes of text by which that makes the document longer.
    fn check(&self, value: &Value, text_len: usize) -> Result<usize, Failure> {
        match self {
            Self::Existing(locations) => {
                let deepest = locations.iter().map(Location::len).max().unwrap_or(0);
                check_depth(deepest, value)?;
                Ok(text_len.saturating_mul(locations.len()))
            }
            Self::New(parent, child) => {
                check_depth(parent.len() + 1, value)?;
                let name = match child {
                    Child::Member(name) => text::to_vec(&Value::from(name.as_str())).len() + 2,
                    Child::Element => 1,
                };
                Ok(text_len + name)
            }
        }
    }

    /// Puts a value there, in the way that `put` says where there is one already.
    fn fill(&self, root: &mut Value, value: Value, put: fn(&mut Value, Value)) {
        match self {
            Self::Existing(locations) => {
                if let [only] = locations.as_slice() {
                    if let Some(target) = only.get_mut(root) {
                        put(target, value);
                    }
                    return;
                }
                change_each(root, locations, |_, target| put(target, value.clone()));
            }
            Self::New(parent, child) => {
                let mut new = Value::NULL;
                put(&mut new, value);
                match (parent.get_mut(root), child) {
                    (Some(object), Child::Member(name)) => object.set_member(name.clone(), new),
                    (Some(array), Child::Element) => {
                        array
                            .elements_mut()
                            .into_iter()
                            .for_each(|elements| elements.push(new.clone()));
                    }
                    (None, _) => {}
                }
            }
        }
    }
}

/// `JSON.SET key path value [NX | XX]`
pub fn set(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let condition = match &call.arguments()[3..] {
        [] => Condition::Always,
        [word] if word.eq_ignore_ascii_case(b"NX") => Condition::Missing,
        [word] if word.eq_ignore_ascii_case(b"XX") => Condition::Existing,
        _ => return Err(Failure::err("syntax error")),
    };
    write(call, condition, replace, c"json.set")
}

/// `JSON.MERGE key path value`: a merge patch (RFC 7396).
pub fn merge(call: &mut Call<'_>) -> Result<Reply, Failure> {
    write(call, Condition::Always, patch, c"json.merge")
}

fn write(
    call: &mut Call<'_>,
    condition: Condition,
    put: fn(&mut Value, Value),
    event: &CStr,
) -> Result<Reply, Failure> {
    let path = path(call.arguments()[1])?;
    let text_len = call.arguments()[2].len();
    let value = text::parse(call.arguments()[2])?;
    let mut entry = call.open(0)?;
    let Some(document) = entry.document() else {
        if condition == Condition::Existing {
            return Ok(Reply::Null);
        }
        entry.create(fresh(&path, value, text_len, put)?);
        drop(entry);
        call.changed(0, event);
        return Ok(OK);
    };
    let place = match Place::find(&document.root, &path) {
        // Whether it could be created does not matter then.
        Err(_) if condition == Condition::Existing => return Ok(Reply::Null),
        place => place?,
    };
    match (&place, condition) {
        (Place::Existing(_), Condition::Missing) | (Place::New(..), Condition::Existing) => {
            return Ok(Reply::Null);
        }
        _ => {}
    }
    document.grow(place.check(&value, text_len)?)?;
    place.fill(&mut document.root, value, put);
    drop(entry);
    call.changed(0, event);
    Ok(OK)
}

/// The document of a new key.
fn fresh(
    path: &Path,
    value: Value,
    text_len: usize,
    put: fn(&mut Value, Value),
) -> Result<Document, Failure> {
    if !path.is_root() {
        return Err(Failure::err("new objects must be created at the root"));
    }
    let mut document = Document::new(Value::NULL, text_len)?;
    put(&mut document.root, value);
    Ok(document)
}

/// Merges a patch into a value (RFC 7396, section 2).
fn patch(target: &mut Value, patch_value: Value) {
    let Kind::Object(members) = patch_value.kind() else {
        *target = patch_value;
        return;
    };
    if !matches!(target.kind(), Kind::Object(_)) {
        *target = Value::empty_object();
    }
    for (name, change) in members.iter() {
        let found = match target.kind() {
            Kind::Object(object) => object.find(name).map(|(position, _)| position),
            _ => None,
        };
        match (found, change.kind()) {
            (Some(position), Kind::Null) => {
                target.remove_child(position);
            }
            (None, Kind::Null) => {}
            (Some(position), _) => {
                if let Some(member) = target.child_mut(position) {
                    patch(member, change.clone());
                }
            }
            (None, _) => {
                let mut member = Value::NULL;
                patch(&mut member, change.clone());
                target.set_member(name.into(), member);
            }
        }
    }
}

/// `JSON.MSET key path value [key path value …]`: all or none.
pub fn mset(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let arguments = call.arguments().to_vec();
    if !arguments.len().is_multiple_of(3) {
        return Err(Failure::Arity);
    }
    let triples: Vec<_> =
        arguments.chunks_exact(3).map(|triple| (triple[0], triple[1], triple[2])).collect();
    let mut uses: HashMap<&[u8], usize> = HashMap::new();
    for (key, _, _) in &triples {
        *uses.entry(key).or_default() += 1;
    }
    // Keys that are named more than once: what comes later sees what came before.
    let mut drafts: HashMap<&[u8], Document> = HashMap::new();
    let mut plans = Vec::with_capacity(triples.len());
    for (nth, (key, path_text, text)) in triples.iter().enumerate() {
        let path = path(path_text)?;
        let mut entry = call.open(3 * nth)?;
        if uses[key] > 1 {
            match drafts.get_mut(key) {
                Some(draft) => put_into(draft, &path, text)?,
                None => {
                    let mut draft = entry.document().cloned();
                    match &mut draft {
                        Some(draft) => put_into(draft, &path, text)?,
                        None => {
                            draft = Some(fresh(&path, text::parse(text)?, text.len(), replace)?)
                        }
                    }
                    drafts.extend(draft.map(|draft| (*key, draft)));
                }
            }
            plans.push(Plan::Draft);
            continue;
        }
        plans.push(match entry.document() {
            Some(document) => {
                let value = text::parse(text)?;
                let place = Place::find(&document.root, &path)?;
                document.grow(place.check(&value, text.len())?)?;
                Plan::Fill(place, value)
            }
            None => Plan::Create(fresh(&path, text::parse(text)?, text.len(), replace)?),
        });
    }
    for (nth, (plan, (key, _, _))) in plans.into_iter().zip(&triples).enumerate() {
        let mut entry = call.open(3 * nth)?;
        match plan {
            Plan::Create(document) => entry.create(document),
            Plan::Draft => {
                let Some(draft) = drafts.remove(key) else { continue };
                match entry.document() {
                    Some(document) => *document = draft,
                    None => entry.create(draft),
                }
            }
            Plan::Fill(place, value) => {
                if let Some(document) = entry.document() {
                    place.fill(&mut document.root, value, replace);
                }
            }
        }
        drop(entry);
        call.touched(3 * nth, c"json.mset");
    }
    call.replicate();
    Ok(OK)
}

/// What is to be done with one key.
enum Plan {
    Create(Document),
    Fill(Place, Value),
    /// Its draft takes its place, at the first of its triples.
    Draft,
}

fn replace(target: &mut Value, value: Value) {
    *target = value;
}

fn put_into(document: &mut Document, path: &Path, text: &[u8]) -> Result<(), Failure> {
    let value = text::parse(text)?;
    let place = Place::find(&document.root, path)?;
    document.grow(place.check(&value, text.len())?)?;
    place.fill(&mut document.root, value, replace);
    Ok(())
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
