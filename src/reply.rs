//! Redis's replies, and how they are written for clients: as JSON or as RESP2, straight into the
//! answer's bytes.
//!
//! Replies are shaped by their RESP2 type alone, never by the command's name. `result` holds a
//! string, an integer, `null` or an array of these, as Upstash documents it
//! (<https://upstash.com/docs/redis/features/restapi>).

mod frame;
mod json;
mod output;
mod replies;
mod text;
mod value;

pub use frame::{Frame, Frames, Malformed, Scan, Scanner, Token};
pub use json::{Encoding, write_error, write_item};
pub use output::{Bounded, LONG, Output, READ, TooLarge, Written};
pub use replies::Replies;
pub use value::{error_text, to_resp2};

/// Writes an error as RESP2; its text becomes one line.
pub fn write_resp2_error(out: &mut impl Output, text: &str) {
    let line = text.replace(['\r', '\n'], " ");
    out.add([b"-", line.as_bytes(), b"\r\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line() {
        let mut out = Vec::new();
        write_resp2_error(&mut out, "ERR a\r\n+OK");
        assert_eq!(out, b"-ERR a  +OK\r\n");
    }
}
