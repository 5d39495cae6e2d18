//! A JSON value in memory: what it costs and how its parts are reached.
//!
//! A value takes 16 bytes beside what it holds: numbers and strings of up to
//! 14 bytes lie in it. Objects keep their members' order. Integers are exact
//! to 64 bits; what is larger becomes a double.
//!
//! Reading and writing text is `text`'s, which part is meant is `path`'s.

mod compare;

use std::ffi::c_void;
use std::mem::size_of;

use indexmap::IndexMap;
use thin_vec::ThinVec;

use crate::string::JsonString;

/// Members up to which an object is searched one by one: that is quicker than
/// hashing the name, and needs no index.
const SMALL_OBJECT: usize = 16;

/// The bytes of a `ThinVec`'s own two numbers, its length and its capacity.
const VEC_HEADER: usize = 2 * size_of::<usize>();

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
const _: () = assert!(size_of::<ThinVec<Value>>() == size_of::<*mut c_void>());

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

    /// Shows each pointer to an allocation that it owns itself, without those of
    /// its children, so that the allocation can be moved. Of a large object, it
    /// is the map's alone and not what the map holds.
    pub fn for_own_allocation(&mut self, visit: &mut impl FnMut(*mut *mut c_void)) {
        // A ThinVec and a Box are pointers and nothing else (`assert`s above), and an
        // empty ThinVec's points to what is nobody's.
        match &mut self.0 {
            Repr::String(value) => value.for_allocation(visit),
            Repr::Array(elements) if elements.has_capacity() => visit((&raw mut *elements).cast()),
            Repr::Small(members) if members.has_capacity() => {
                visit((&raw mut *members).cast());
                members.iter_mut().for_each(|member| member.name.for_allocation(visit));
            }
            // Not what the map owns: it shows nobody its pointers.
            Repr::Large(members) => visit((&raw mut *members).cast()),
            _ => {}
        }
    }

    /// The same with its children.
    pub fn for_each_allocation(&mut self, visit: &mut impl FnMut(*mut *mut c_void)) {
        self.for_own_allocation(visit);
        match &mut self.0 {
            Repr::Array(elements) => {
                elements.iter_mut().for_each(|element| element.for_each_allocation(visit));
            }
            Repr::Small(members) => {
                members.iter_mut().for_each(|member| member.value.for_each_allocation(visit));
            }
            Repr::Large(members) => {
                members.values_mut().for_each(|value| value.for_each_allocation(visit));
            }
            _ => {}
        }
    }

    /// The bytes that it has been given by the allocator, with all that it
    /// holds, beside its own 16.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::String(value) => value.heap_bytes(),
            Repr::Array(elements) => {
                vec_bytes(elements) + elements.iter().map(Self::heap_bytes).sum::<usize>()
            }
            Repr::Small(members) => {
                vec_bytes(members)
                    + members
                        .iter()
                        .map(|member| member.name.heap_bytes() + member.value.heap_bytes())
                        .sum::<usize>()
            }
            Repr::Large(members) => {
                // An entry is the member and its hash; the index has a number and a byte for each.
                let entry = size_of::<Member>() + size_of::<u64>() + size_of::<usize>() + 1;
                allocated(size_of::<IndexMap<JsonString, Value>>())
                    + allocated(members.capacity() * entry)
                    + members
                        .iter()
                        .map(|(name, value)| name.heap_bytes() + value.heap_bytes())
                        .sum::<usize>()
            }
            _ => 0,
        }
    }
}

/// The bytes that an allocator takes for so many that are asked for: jemalloc's,
/// which Redis is built with, are multiples of 16 up to 128, and then four sizes
/// up to each power of two.
pub fn allocated(bytes: usize) -> usize {
    let step = match bytes {
        0..=128 => 16,
        _ => (bytes - 1).ilog2().checked_sub(2).map_or(1, |power| 1 << power),
    };
    bytes.next_multiple_of(step)
}

/// The bytes of a vector's elements and header; none for an empty one that never grew.
fn vec_bytes<T>(vec: &ThinVec<T>) -> usize {
    match vec.capacity() {
        0 => 0,
        capacity => allocated(VEC_HEADER + capacity * size_of::<T>()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    fn value(text: &str) -> Value {
        text::parse(text.as_bytes()).unwrap()
    }

    fn text(value: &Value) -> String {
        String::from_utf8(text::to_vec(value)).unwrap()
    }

    /// An object of so many members.
    fn object(members: usize) -> Value {
        let mut object = Value::empty_object();
        for n in 0..members {
            object.set_member(format!("member {n}").as_str().into(), Value::from(n as u64));
        }
        object
    }

    #[test]
    fn members_keep_their_order_in_objects_of_any_size() {
        for members in [1, SMALL_OBJECT, SMALL_OBJECT + 1, 1000] {
            let mut object = object(members);
            object.set_member("member 0".into(), true.into());
            object.set_member("new".into(), Value::NULL);
            object.remove_child(members / 2);
            let Kind::Object(members_left) = object.kind() else { panic!() };
            let names: Vec<_> = members_left.iter().map(|(name, _)| name.to_owned()).collect();
            let numbers = (0..members).filter(|n| *n != members / 2).map(|n| format!("member {n}"));
            assert_eq!(names, numbers.chain(["new".to_owned()]).collect::<Vec<_>>());
            for (at, name) in names.iter().enumerate() {
                assert_eq!(members_left.find(name).map(|(found, _)| found), Some(at), "{name}");
                assert_eq!(members_left.at(at).map(|(name, _)| name), Some(name.as_str()));
            }
            assert!(
                members_left.find("member").is_none() && members_left.at(members + 1).is_none()
            );
        }
    }

    #[test]
    fn what_is_no_container_has_no_children_and_takes_none() {
        for scalar in ["null", "true", "1", "1.5", "\"text\""] {
            let mut value = value(scalar);
            value.set_member("a".into(), Value::NULL);
            assert!(value.child_count() == 0 && value.child(0).is_none());
            assert!(value.remove_child(0).is_none() && value.elements_mut().is_none());
            assert_eq!(text(&value), scalar);
        }
    }

    #[test]
    fn only_what_json_can_say_is_a_double() {
        assert!(Value::double(f64::NAN).is_none() && Value::double(f64::INFINITY).is_none());
        assert_eq!(text(&Value::double(0.1).unwrap()), "0.1");
    }

    /// Every pointer that is shown is an allocation's: each can be moved, and all is as before.
    #[test]
    #[expect(unsafe_code, reason = "memory is moved as a server does it")]
    fn allocations_can_be_moved() {
        use std::collections::HashSet;
        let long = "a string that has memory of its own";
        let mut value =
            value(&format!(r#"[[],{{}},"short","{long}",[1,["{long}"]],{{"{long}":[2]}}]"#));
        value.elements_mut().unwrap().push(object(100));
        let before = text(&value);
        let mut seen = HashSet::new();
        value.for_each_allocation(&mut |memory| {
            assert!(seen.insert(memory as usize), "shown twice");
            unsafe extern "C" {
                fn malloc(size: usize) -> *mut c_void;
                fn malloc_usable_size(memory: *mut c_void) -> usize;
                fn free(memory: *mut c_void);
            }
            // SAFETY: what the tests' allocator gives is malloc's.
            unsafe {
                let size = malloc_usable_size(*memory);
                let moved = malloc(size);
                std::ptr::copy_nonoverlapping((*memory).cast::<u8>(), moved.cast::<u8>(), size);
                free(*memory);
                *memory = moved;
            }
        });
        // The root, 2 strings, 2 arrays of arrays' and a name and its value, the object and what else it shows.
        assert!(seen.len() >= 8, "{}", seen.len());
        assert_eq!(text(&value), before);
    }

    #[test]
    fn memory_is_told() {
        let bytes = |text: &str| value(text).heap_bytes();
        assert_eq!(bytes("1"), 0);
        assert_eq!(bytes("\"fourteen bytes\""), 0);
        assert_eq!(bytes("\"fifteen bytes..\""), 32);
        assert_eq!(bytes("[]"), 0);
        assert_eq!(bytes("[1,2,3]"), 16 + 3 * 16);
        assert_eq!(bytes(r#"{"a":1}"#), 16 + 32);
        assert!(object(1000).heap_bytes() > 1000 * 32);
        for (asked, given) in
            [(1, 16), (128, 128), (129, 160), (160, 160), (257, 320), (1025, 1280)]
        {
            assert_eq!(allocated(asked), given);
        }
    }
}
