//! JSON text as JSON.GET's caller wants it laid out: INDENT, NEWLINE and SPACE.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::document::MAX_TEXT;
use crate::failure::Failure;

/// What is put between the parts.
#[derive(Default)]
pub struct Layout<'a> {
    /// Before each element, once for each level.
    pub indent: &'a [u8],
    /// Before the indent.
    pub newline: &'a [u8],
    /// After a colon.
    pub space: &'a [u8],
}

impl Layout<'_> {
    /// The text.
    ///
    /// # Errors
    /// If it would be longer than a Redis string may be: the same value can be
    /// matched many times over.
    pub fn text(&self, value: &impl Serialize) -> Result<Vec<u8>, Failure> {
        self.text_within(value, MAX_TEXT)
    }

    /// The same, with so many bytes left.
    ///
    /// # Errors
    /// As above.
    pub fn text_within(&self, value: &impl Serialize, room: usize) -> Result<Vec<u8>, Failure> {
        let mut out = Bounded { text: Vec::new(), room };
        let written = if self.indent.is_empty() && self.newline.is_empty() && self.space.is_empty()
        {
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, CompactFormatter))
        } else {
            let formatter = Laid { layout: self, level: 0, is_empty: true };
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
        };
        written.map_err(|_| {
            Failure::err("the reply would be longer than 512 MB: use a narrower path")
        })?;
        Ok(out.text)
    }
}

/// Takes as much as a reply may have.
struct Bounded {
    text: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.room {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the layout around what serde_json writes.
struct Laid<'a> {
    layout: &'a Layout<'a>,
    level: usize,
    /// Whether nothing has been written yet in the array or object at hand.
    is_empty: bool,
}

impl Laid<'_> {
    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level -= 1;
        if !self.is_empty {
            self.start_line(out)?;
        }
        self.is_empty = false;
        out.write_all(bracket)
    }

    fn separate<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.start_line(out)
    }

    fn start_line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(self.layout.newline)?;
        (0..self.level).try_for_each(|_| out.write_all(self.layout.indent))
    }
}

impl Formatter for Laid<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b":")?;
        out.write_all(self.layout.space)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }
}
