//! A name as rules look it up: in upper case, on the stack.

use std::ops::Deref;

/// Bytes of the longest name that a rule looks for. Names are callers' data, of any length.
const LONGEST: usize = 16;

/// The name of a command, of a sub-command or of an option, in upper case. One that is too long for
/// any rule is empty, as no rule's name is.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Name {
    /// The word as a name.
    pub fn of(word: &[u8]) -> Self {
        let mut name = Self { bytes: [0; LONGEST], length: 0 };
        if word.len() <= LONGEST {
            name.length = word.len();
            for (upper, byte) in name.bytes.iter_mut().zip(word) {
                *upper = byte.to_ascii_uppercase();
            }
        }
        name
    }

    /// Whether it is a command whose sub-commands have entries of their own in Redis's table.
    pub fn is_container(&self) -> bool {
        matches!(
            &**self,
            b"ACL"
                | b"CLIENT"
                | b"CLUSTER"
                | b"COMMAND"
                | b"CONFIG"
                | b"FUNCTION"
                | b"LATENCY"
                | b"MEMORY"
                | b"MODULE"
                | b"OBJECT"
                | b"PUBSUB"
                | b"SCRIPT"
                | b"SLOWLOG"
                | b"XGROUP"
                | b"XINFO"
        )
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_in_upper_case_and_empty_if_it_is_too_long() {
        assert_eq!(&*Name::of(b"Get"), b"GET");
        assert_eq!(&*Name::of(b"\xe9|\0"), b"\xe9|\0");
        assert_eq!(&*Name::of(b"abcdefghijklmnop"), b"ABCDEFGHIJKLMNOP");
        assert_eq!(&*Name::of(b"abcdefghijklmnopq"), b"");
        assert_eq!(&*Name::of(b""), b"");
        assert!(Name::of(b"Config").is_container() && !Name::of(b"GET").is_container());
    }
}
