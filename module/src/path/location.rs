//! Where in a value a match lies, for as long as the value is not changed.

use crate::value::Value;

/// The positions of children, from the root down. Locations order as their
/// values lie in the document; a value comes before what it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(Box<[u32]>);

impl Location {
    pub(super) fn new(positions: impl Iterator<Item = usize>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "2^32 children take 64 GiB")]
        Self(positions.map(|position| position as u32).collect())
    }

    /// The positions.
    pub fn positions(&self) -> &[u32] {
        &self.0
    }

    /// How many arrays and objects it lies in.
    #[expect(clippy::len_without_is_empty, reason = "the root's is called so")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is the root's.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is `other` or lies in it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// What it lies in, and which child of that it is; nothing for the root.
    pub fn split_last(&self) -> Option<(Self, usize)> {
        let (last, parent) = self.0.split_last()?;
        Some((Self(parent.into()), *last as usize))
    }

    /// The value there.
    pub fn get<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |value, at| value.child(*at as usize))
    }

    /// The same, to be changed.
    pub fn get_mut<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(root, |value, at| value.child_mut(*at as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::Location;
    use crate::text::parse;
    use crate::value::Value;

    fn at(positions: &[usize]) -> Location {
        Location::new(positions.iter().copied())
    }

    #[test]
    fn a_location_lies_in_another() {
        assert!(at(&[1, 0]).starts_with(&at(&[1])) && at(&[1]).starts_with(&at(&[])));
        assert!(!at(&[1]).starts_with(&at(&[1, 0])) && !at(&[1, 0]).starts_with(&at(&[0])));
        assert!(at(&[1]) < at(&[1, 0]) && at(&[1, 0]) < at(&[2]));
        assert_eq!(at(&[1, 2]).split_last(), Some((at(&[1]), 2)));
        assert!(at(&[]).is_root() && at(&[]).split_last().is_none() && !at(&[0]).is_root());
    }

    #[test]
    fn what_lies_there_can_be_changed() {
        let mut value = parse(br#"{"a":[1,2]}"#).unwrap();
        *at(&[0, 1]).get_mut(&mut value).unwrap() = Value::NULL;
        assert!(value == parse(br#"{"a":[1,null]}"#).unwrap());
        assert!(at(&[0, 2]).get(&value).is_none() && at(&[1]).get_mut(&mut value).is_none());
    }
}
