//! Regular expressions in time that is bounded, whatever the expression and
//! the text: RFC 9485's and Rust's, which are nearly the same.
//!
//! An automaton is built as the text is read, and what building costs is
//! counted. Where it cannot go on (it outgrows its memory, or looks for a
//! word's boundary among letters beyond ASCII), another reads the text again,
//! whose time is the product of both lengths, and is counted, too.

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, WhichCaptures, pikevm::PikeVM};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};

use super::tree::Extent;
use crate::budget::Budget;
use crate::budget::TooMuch;

/// Bytes of a compiled expression: `\w{15}` fits, `\w{1000}` does not.
const LARGEST: usize = 512 * 1024;

/// Bytes of an expression: the same as a path's.
const LONGEST: usize = super::LONGEST;

/// Bytes of the automaton that is built while reading. Few expressions need a tenth of it.
const AUTOMATON: usize = 256 * 1024;

/// Bytes that are read in the time of a step, where the automaton is there.
const READ_A_STEP: usize = 4;

/// How much of building the automaton, in bytes times kinds of letters, takes
/// the time of a step.
const BUILT_A_STEP: usize = 32;

/// What the smallest expression takes to compile, in steps.
const COMPILING: usize = 1000;

/// What each of its bytes takes, in steps: four may name all of Unicode's letters.
const COMPILING_BYTE: usize = 200;

/// The same where upper and lower case are one: for each letter its others are
/// looked up.
const COMPILING_FOLDED_BYTE: usize = 2500;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    automaton: dfa::DFA,
    slow: PikeVM,
    anchored: Anchored,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    Syntax,
    TooLarge,
}

impl Pattern {
    pub(super) fn compile(text: &str, extent: Extent) -> Result<Self, Rejected> {
        if text.len() > LONGEST {
            return Err(Rejected::TooLarge);
        }
        // RFC 9485, 5.3: `.` is neither a line feed nor a carriage return.
        let hir = syntax::parse_with(text, &syntax::Config::new().crlf(true))
            .map_err(|_| Rejected::Syntax)?;
        let (hir, anchored) = match extent {
            Extent::Part => (hir, Anchored::No),
            Extent::Whole => {
                let whole = vec![Hir::look(Look::Start), hir, Hir::look(Look::End)];
                (Hir::concat(whole), Anchored::Yes)
            }
        };
        let config = thompson::Config::new()
            .nfa_size_limit(Some(LARGEST))
            .which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|_| Rejected::TooLarge)?;
        let config = dfa::Config::new()
            .cache_capacity(AUTOMATON)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(0))
            .unicode_word_boundary(true);
        let automaton = dfa::Builder::new()
            .configure(config)
            .build_from_nfa(nfa.clone())
            .map_err(|_| Rejected::TooLarge)?;
        let slow = PikeVM::new_from_nfa(nfa).map_err(|_| Rejected::TooLarge)?;
        Ok(Self { automaton, slow, anchored })
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.slow.get_nfa().memory_usage()
    }

    fn matches(
        &self,
        text: &str,
        state: &mut dfa::Cache,
        budget: &Budget,
    ) -> Result<bool, TooMuch> {
        budget.spend(1 + text.len() / READ_A_STEP)?;
        let input = Input::new(text).anchored(self.anchored).earliest(true);
        let before = state.memory_usage();
        let found = self.automaton.try_search_fwd(state, &input);
        let built = state.memory_usage().saturating_sub(before);
        budget.spend(built * self.automaton.byte_classes().alphabet_len() / BUILT_A_STEP)?;
        if let Ok(found) = found {
            return Ok(found.is_some());
        }
        let states = self.slow.get_nfa().states().len();
        // The 8 are for what has to be set up.
        budget.spend(states.saturating_mul(text.len() + 8))?;
        Ok(self.slow.is_match(&mut self.slow.create_cache(), input))
    }
}

/// How many expressions of the document are kept compiled.
const KEPT: usize = 8;

/// The expressions that one use of a path has met, and what reading with them
/// has built.
#[derive(Default)]
pub(super) struct Patterns {
    literal: Vec<(*const Pattern, dfa::Cache)>,
    found: Vec<Found>,
}

struct Found {
    text: String,
    extent: Extent,
    compiled: Option<(Pattern, dfa::Cache)>,
}

impl Patterns {
    /// Whether a text matches the path's own expression.
    pub(super) fn literal(
        &mut self,
        pattern: &Pattern,
        text: &str,
        budget: &Budget,
    ) -> Result<bool, TooMuch> {
        let key = std::ptr::from_ref(pattern);
        let at = match self.literal.iter().position(|(known, _)| *known == key) {
            Some(at) => at,
            None => {
                self.literal.push((key, pattern.automaton.create_cache()));
                self.literal.len() - 1
            }
        };
        pattern.matches(text, &mut self.literal[at].1, budget)
    }

    /// Whether a text matches an expression from the document; it does not, if
    /// that is no regular expression.
    pub(super) fn found(
        &mut self,
        pattern: &str,
        extent: Extent,
        text: &str,
        budget: &Budget,
    ) -> Result<bool, TooMuch> {
        budget.spend_bytes(pattern.len())?;
        let known = |found: &Found| found.extent == extent && found.text == pattern;
        let at = match self.found.iter().position(known) {
            Some(at) => at,
            None => self.compile(pattern, extent, budget)?,
        };
        match &mut self.found[at].compiled {
            Some((pattern, state)) => pattern.matches(text, state, budget),
            None => Ok(false),
        }
    }

    fn compile(&mut self, text: &str, extent: Extent, budget: &Budget) -> Result<usize, TooMuch> {
        let byte = if folds(text) { COMPILING_FOLDED_BYTE } else { COMPILING_BYTE };
        budget.spend(COMPILING + byte * text.len().min(LONGEST))?;
        let compiled = match Pattern::compile(text, extent) {
            Ok(pattern) => {
                budget.spend(pattern.bytes())?;
                let state = pattern.automaton.create_cache();
                Some((pattern, state))
            }
            Err(Rejected::Syntax) => None,
            Err(Rejected::TooLarge) => {
                budget.spend(LARGEST)?;
                None
            }
        };
        if self.found.len() == KEPT {
            self.found.remove(0);
        }
        self.found.push(Found { text: text.into(), extent, compiled });
        Ok(self.found.len() - 1)
    }
}

/// Whether upper and lower case are one in a part of an expression: `(?i)`.
fn folds(text: &str) -> bool {
    let is_flag = |c: &char| c.is_ascii_alphabetic() || *c == '-';
    text.split("(?").skip(1).any(|rest| rest.chars().take_while(is_flag).any(|c| c == 'i'))
}

#[cfg(test)]
mod tests {
    use super::{Budget, Extent, KEPT, Patterns};

    #[test]
    fn few_expressions_of_a_document_are_kept() {
        let (mut patterns, budget) = (Patterns::default(), Budget::default());
        for n in 0..20 {
            let pattern = format!("x{n}");
            assert_eq!(patterns.found(&pattern, Extent::Part, "ax7b", &budget), Ok(n == 7));
        }
        assert_eq!(patterns.found.len(), KEPT);
    }

    #[test]
    fn how_much_must_match_is_not_mixed_up() {
        let (mut patterns, budget) = (Patterns::default(), Budget::default());
        for (extent, matches) in [(Extent::Part, true), (Extent::Whole, false)] {
            assert_eq!(patterns.found("x", extent, "axb", &budget), Ok(matches));
        }
    }
}
