//! Commands as Redis reads them
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>, "Sending commands to a Redis server").

use crate::command::Command;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// What a word takes beside its own bytes, at the most: `$`, a length, two line ends.
const WORD: usize = 25;

/// The bytes of these commands, at the most.
pub fn size(commands: &[Command], atomic: bool) -> usize {
    let words = |command: &Command| size_of_words(command.words());
    commands.iter().map(words).sum::<usize>() + if atomic { MULTI.len() + EXEC.len() } else { 0 }
}

/// The bytes of one command, at the most.
pub fn size_of_words<W: AsRef<[u8]>>(words: &[W]) -> usize {
    words.iter().map(|word| word.as_ref().len() + WORD).sum::<usize>() + WORD
}

/// Writes the commands, in a transaction if `atomic`.
pub fn write(out: &mut Vec<u8>, commands: &[Command], atomic: bool) {
    if atomic {
        out.extend_from_slice(MULTI);
    }
    for command in commands {
        write_words(out, command.words());
    }
    if atomic {
        out.extend_from_slice(EXEC);
    }
}

/// Writes one command.
pub fn write_words<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[W]) {
    write_length(out, b'*', words.len());
    for word in words {
        let word = word.as_ref();
        write_length(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn write_length(out: &mut Vec<u8>, kind: u8, length: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn commands_are_arrays_of_strings_and_no_longer_than_was_said() {
        let words =
            |words: &[&str]| words.iter().map(|word| Bytes::from(word.to_string())).collect();
        let commands = [words(&["SET", "k", "\r\n\0"]), words(&["GET", ""])];
        let commands = commands.map(|words| Command::new(words).unwrap());
        let set = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\n\r\n\0\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n";
        for (atomic, want) in [(false, set.to_vec()), (true, [MULTI, set, EXEC].concat())] {
            let mut out = Vec::new();
            write(&mut out, &commands, atomic);
            assert_eq!(out, want);
            assert!(out.len() <= size(&commands, atomic));
        }
    }
}
