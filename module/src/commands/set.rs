//! Giving values: JSON.SET, JSON.MERGE and JSON.MSET.

use std::collections::HashMap;
use std::ffi::CStr;

use super::path;
use super::place::{How, Place};
use crate::budget::Budget;
use crate::document::Document;
use crate::failure::Failure;
use crate::path::Path;
use crate::reply::Reply;
use crate::server::Call;
use crate::text;
use crate::value::Value;

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

/// `JSON.SET key path value [NX | XX]`
pub fn set(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let condition = match &call.arguments()[3..] {
        [] => Condition::Always,
        [word] if word.eq_ignore_ascii_case(b"NX") => Condition::Missing,
        [word] if word.eq_ignore_ascii_case(b"XX") => Condition::Existing,
        _ => return Err(Failure::err("syntax error")),
    };
    write(call, condition, How::Replace, c"json.set")
}

/// `JSON.MERGE key path value`: a merge patch (RFC 7396).
pub fn merge(call: &mut Call<'_>) -> Result<Reply, Failure> {
    write(call, Condition::Always, How::Merge, c"json.merge")
}

fn write(
    call: &mut Call<'_>,
    condition: Condition,
    how: How,
    event: &CStr,
) -> Result<Reply, Failure> {
    let new = New::parse(call.arguments()[1], call.arguments()[2])?;
    let mut entry = call.open(0)?;
    match entry.document() {
        None if condition == Condition::Existing => return Ok(Reply::Null),
        None => entry.create(new.into_document(how)?),
        Some(document) => {
            let budget = Budget::default();
            let place = match Place::find(&document.root, &new.path, &budget) {
                // Whether it could be created does not matter then.
                Err(_) if condition == Condition::Existing => return Ok(Reply::Null),
                place => place?,
            };
            match (&place, condition) {
                (Place::Existing(_), Condition::Missing)
                | (Place::New(..), Condition::Existing) => return Ok(Reply::Null),
                _ => new.put_into(document, &place, how, &budget)?,
            }
        }
    }
    drop(entry);
    call.changed(0, event);
    Ok(OK)
}

/// A value that has been given, and for where.
struct New {
    path: Path,
    value: Value,
    text_bound: usize,
}

impl New {
    fn parse(path_text: &[u8], text: &[u8]) -> Result<Self, Failure> {
        let path = path(path_text)?;
        let (value, text_bound) = text::parse_bounded(text)?;
        Ok(Self { path, value, text_bound })
    }

    /// The document of a new key.
    fn into_document(self, how: How) -> Result<Document, Failure> {
        if !self.path.is_root() {
            return Err(Failure::err("new objects must be created at the root"));
        }
        Document::new(how.made(self.value), self.text_bound)
    }

    fn put_into(
        self,
        document: &mut Document,
        place: &Place,
        how: How,
        budget: &Budget,
    ) -> Result<(), Failure> {
        if self.path.is_root() && how == How::Replace {
            // What was there takes no room any more.
            *document = Document::new(self.value, self.text_bound)?;
            return Ok(());
        }
        place.reserve(document, &self.value, self.text_bound, budget)?;
        place.fill(&mut document.root, self.value, how);
        Ok(())
    }
}

/// `JSON.MSET key path value [key path value …]`: all or none.
pub fn mset(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if !call.arguments().len().is_multiple_of(3) {
        return Err(Failure::Arity);
    }
    let changes = plan(call)?;
    for (at, change) in changes {
        let mut entry = call.open(at)?;
        match (change, entry.document()) {
            (Change::Whole(new), Some(document)) => *document = new,
            (Change::Whole(new), None) => entry.create(new),
            (Change::Part(place, value), Some(document)) => {
                place.fill(&mut document.root, value, How::Replace);
            }
            // Planned where there is a document.
            (Change::Part(..), None) => {}
        }
        drop(entry);
        call.touched(at, c"json.mset");
    }
    call.replicate();
    Ok(OK)
}

/// What is to be done with one key.
enum Change {
    /// Another document.
    Whole(Document),
    /// A value, there.
    Part(Place, Value),
}

/// What JSON.MSET changes, each with its key's argument, if all of it can be done.
fn plan(call: &mut Call<'_>) -> Result<Vec<(usize, Change)>, Failure> {
    let arguments = call.arguments().to_vec();
    let mut uses: HashMap<&[u8], usize> = HashMap::new();
    for triple in arguments.chunks_exact(3) {
        *uses.entry(triple[0]).or_default() += 1;
    }
    let budget = Budget::default();
    let mut changes = Vec::with_capacity(arguments.len() / 3);
    // Of keys that are named more than once: what comes later sees what came before.
    let mut drafts: HashMap<&[u8], (usize, Document)> = HashMap::new();
    for (nth, triple) in arguments.chunks_exact(3).enumerate() {
        let (key, at) = (triple[0], 3 * nth);
        let new = New::parse(triple[1], triple[2])?;
        if let Some((_, draft)) = drafts.get_mut(key) {
            let place = Place::find(&draft.root, &new.path, &budget)?;
            new.put_into(draft, &place, How::Replace, &budget)?;
            continue;
        }
        let mut entry = call.open(at)?;
        let change = match entry.document() {
            None => Change::Whole(new.into_document(How::Replace)?),
            Some(document) if uses[key] > 1 => {
                let mut draft = document.clone();
                let place = Place::find(&draft.root, &new.path, &budget)?;
                new.put_into(&mut draft, &place, How::Replace, &budget)?;
                Change::Whole(draft)
            }
            Some(document) => {
                let place = Place::find(&document.root, &new.path, &budget)?;
                place.reserve(document, &new.value, new.text_bound, &budget)?;
                Change::Part(place, new.value)
            }
        };
        match change {
            Change::Whole(draft) if uses[key] > 1 => {
                drafts.insert(key, (at, draft));
            }
            change => changes.push((at, change)),
        }
    }
    changes.extend(drafts.into_values().map(|(at, draft)| (at, Change::Whole(draft))));
    Ok(changes)
}
