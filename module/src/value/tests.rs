//! What a value promises.

use std::ffi::c_void;

use super::memory::allocated;
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
        assert!(members_left.find("member").is_none() && members_left.at(members + 1).is_none());
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
    for (asked, given) in [(1, 16), (128, 128), (129, 160), (160, 160), (257, 320), (1025, 1280)] {
        assert_eq!(allocated(asked), given);
    }
}
