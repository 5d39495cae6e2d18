//! A JSON value in memory: what it costs and how its parts are reached.
//!
//! A value takes 16 bytes beside what it holds: numbers and strings of up to
//! 14 bytes lie in it. Objects keep their members' order. Integers are exact
//! to 64 bits; what is larger becomes a double.
//!
//! Reading and writing text is `text`'s, which part is meant is `path`'s.

mod compare;
mod memory;
#[cfg(test)]
mod tests;

use std::mem::size_of;

use indexmap::IndexMap;
use thin_vec::ThinVec;

use crate::string::JsonString;

pub use memory::allocated;

/// Members up to which an object is searched one by one: that is quicker than
/// hashing the name, and needs no index.
const SMALL_OBJECT: usize = 16;

/// A JSON value.
#[derive(Clone, Debug)]
pub struct Value(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Null,
    Bool(bool),
    Integer(i64),
    /// Only what is above `i64::MAX`.
    Unsigned(u64),
    /// Never infinite, never NaN.
    Double(f64),
    String(JsonString),
    Array(ThinVec<Value>),
    Small(ThinVec<Member>),
    Large(Box<IndexMap<JsonString, Value>>),
}

#[derive(Clone, Debug)]
struct Member {
    name: JsonString,
    value: Value,
}

const _: () = assert!(size_of::<Value>() == 16);
const _: () = assert!(size_of::<Member>() == 32);

/// What a value is, to look at.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without a fraction.
    Integer(i64),
    /// A number without a fraction above `i64::MAX`.
    Unsigned(u64),
    /// A number with a fraction or an exponent, or one out of 64 bits.
    Double(f64),
    /// A string.
    String(&'a str),
    /// An array.
    Array(&'a [Value]),
    /// An object.
    Object(Object<'a>),
}

/// An object's members, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(Members<'a>);

#[derive(Clone, Copy, Debug)]
enum Members<'a> {
    Small(&'a [Member]),
    Large(&'a IndexMap<JsonString, Value>),
}

impl<'a> Object<'a> {
    /// How many members there are.
    pub fn len(self) -> usize {
        match self.0 {
            Members::Small(members) => members.len(),
            Members::Large(members) => members.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The member of that name: where it is among the others, and its value.
    pub fn find(self, name: &str) -> Option<(usize, &'a Value)> {
        match self.0 {
            Members::Small(members) => {
                let at = members.iter().position(|member| member.name.as_str() == name)?;
                Some((at, &members[at].value))
            }
            Members::Large(members) => members.get_full(name).map(|(at, _, value)| (at, value)),
        }
    }

    /// The member at a position.
    pub fn at(self, position: usize) -> Option<(&'a str, &'a Value)> {
        match self.0 {
            Members::Small(members) => {
                let member = members.get(position)?;
                Some((member.name.as_str(), &member.value))
            }
            Members::Large(members) => {
                let (name, value) = members.get_index(position)?;
                Some((name.as_str(), value))
            }
        }
    }

    /// All members.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        (0..self.len()).map_while(move |position| self.at(position))
    }
}

impl Value {
    /// `null`
    pub const NULL: Self = Self(Repr::Null);

    /// An empty array.
    pub fn empty_array() -> Self {
        Self(Repr::Array(ThinVec::new()))
    }

    /// An empty object.
    pub fn empty_object() -> Self {
        Self(Repr::Small(ThinVec::new()))
    }

    /// An object of these members. Of one that is named twice, the last value
    /// counts, at the first one's place.
    pub fn object(members: impl ExactSizeIterator<Item = (JsonString, Value)>) -> Self {
        if members.len() > SMALL_OBJECT {
            let members: IndexMap<_, _> = members.collect();
            return Self(Repr::Large(Box::new(members)));
        }
        let mut small: ThinVec<Member> = ThinVec::with_capacity(members.len());
        small.extend(members.map(|(name, value)| Member { name, value }));
        let has_twice = (1..small.len())
            .any(|at| small[..at].iter().any(|member| member.name == small[at].name));
        if has_twice {
            let members = small.drain(..).map(|member| (member.name, member.value));
            let once: IndexMap<_, _> = members.collect();
            small.extend(once.into_iter().map(|(name, value)| Member { name, value }));
        }
        Self(Repr::Small(small))
    }

    /// What it is.
    pub fn kind(&self) -> Kind<'_> {
        match &self.0 {
            Repr::Null => Kind::Null,
            Repr::Bool(value) => Kind::Bool(*value),
            Repr::Integer(value) => Kind::Integer(*value),
            Repr::Unsigned(value) => Kind::Unsigned(*value),
            Repr::Double(value) => Kind::Double(*value),
            Repr::String(value) => Kind::String(value.as_str()),
            Repr::Array(elements) => Kind::Array(elements),
            Repr::Small(members) => Kind::Object(Object(Members::Small(members))),
            Repr::Large(members) => Kind::Object(Object(Members::Large(members))),
        }
    }

    /// How many children an array or an object has; 0 for everything else.
    pub fn child_count(&self) -> usize {
        match self.kind() {
            Kind::Array(elements) => elements.len(),
            Kind::Object(object) => object.len(),
            _ => 0,
        }
    }

    /// The element, or the member's value, at a position.
    pub fn child(&self, position: usize) -> Option<&Value> {
        match self.kind() {
            Kind::Array(elements) => elements.get(position),
            Kind::Object(object) => object.at(position).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn child_mut(&mut self, position: usize) -> Option<&mut Value> {
        match &mut self.0 {
            Repr::Array(elements) => elements.get_mut(position),
            Repr::Small(members) => members.get_mut(position).map(|member| &mut member.value),
            Repr::Large(members) => members.get_index_mut(position).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Takes the child at a position out; the others keep their order.
    pub fn remove_child(&mut self, position: usize) -> Option<Value> {
        match &mut self.0 {
            Repr::Array(elements) if position < elements.len() => Some(elements.remove(position)),
            Repr::Small(members) if position < members.len() => {
                Some(members.remove(position).value)
            }
            Repr::Large(members) => members.shift_remove_index(position).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Takes the children at these positions out, which are in ascending order;
    /// the others keep theirs.
    pub fn remove_children(&mut self, positions: &[usize]) {
        let mut gone = positions.iter().peekable();
        let mut at = 0..;
        let mut stays = || {
            let at = at.next();
            gone.next_if(|position| Some(**position) == at).is_none()
        };
        match &mut self.0 {
            Repr::Array(elements) => elements.retain(|_| stays()),
            Repr::Small(members) => members.retain(|_| stays()),
            Repr::Large(members) => members.retain(|_, _| stays()),
            _ => {}
        }
    }

    /// The members of an object; none of anything else.
    pub fn into_members(self) -> Vec<(JsonString, Value)> {
        match self.0 {
            Repr::Small(members) => {
                members.into_iter().map(|member| (member.name, member.value)).collect()
            }
            Repr::Large(members) => members.into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The elements of an array, to be changed.
    pub fn elements_mut(&mut self) -> Option<&mut ThinVec<Value>> {
        match &mut self.0 {
            Repr::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Gives an object's member a value; a new member goes to the end. Anything
    /// but an object is left as it is.
    pub fn set_member(&mut self, name: JsonString, value: Value) {
        match &mut self.0 {
            Repr::Small(members) => {
                if let Some(member) = members.iter_mut().find(|member| member.name == name) {
                    member.value = value;
                } else if members.len() < SMALL_OBJECT {
                    members.push(Member { name, value });
                } else {
                    let mut large: IndexMap<_, _> =
                        members.drain(..).map(|member| (member.name, member.value)).collect();
                    large.insert(name, value);
                    self.0 = Repr::Large(Box::new(large));
                }
            }
            Repr::Large(members) => {
                members.insert(name, value);
            }
            _ => {}
        }
    }

    /// Gives back the room that was held for growing, of this value alone.
    pub fn shrink(&mut self) {
        match &mut self.0 {
            Repr::Array(elements) => elements.shrink_to_fit(),
            Repr::Small(members) => members.shrink_to_fit(),
            Repr::Large(members) => members.shrink_to_fit(),
            _ => {}
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(Repr::Bool(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(Repr::Integer(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(value) => value.into(),
            Err(_) => Self(Repr::Unsigned(value)),
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(Repr::String(value.into()))
    }
}

impl From<ThinVec<Value>> for Value {
    fn from(elements: ThinVec<Value>) -> Self {
        Self(Repr::Array(elements))
    }
}

impl Value {
    /// A double; nothing for what JSON has no number for (infinity, NaN).
    pub fn double(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(Repr::Double(value)))
    }
}
