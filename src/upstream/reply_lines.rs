//! Makes every reply fit for the `redis` crate's parser.
//!
//! The crate gives up a connection, and with it every caller's reply on it, when the text of an
//! error or a status is not UTF-8. Redis sends such texts: it repeats arguments in errors and cuts
//! them at 128 bytes, in the middle of a character if need be. So what is not UTF-8 in those lines
//! becomes `?` here; bulk strings, which are binary safe, pass untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads RESP2 from `inner`, line texts mended; writes go through as they are.
pub struct ReplyLines<S> {
    inner: S,
    place: Place,
    /// The beginning of a character whose rest has not arrived yet; withheld until it has.
    partial: Vec<u8>,
    /// Mended bytes that the reader had no room for.
    mended: Vec<u8>,
}

/// Where in RESP2 the next byte stands.
#[derive(Clone, Copy)]
enum Place {
    /// At the type byte of a reply.
    Type,
    /// In the text of a status or an error.
    Text,
    /// In a line that announces a number; a bulk string's is its length.
    Number { bulk: bool, negative: bool, value: usize },
    /// In the bytes of a bulk string, its line end included.
    Bulk { left: usize },
}

impl<S> ReplyLines<S> {
    /// `inner` stands before a reply.
    pub fn new(inner: S) -> Self {
        Self { inner, place: Place::Type, partial: Vec::new(), mended: Vec::new() }
    }
}

/// Mends `bytes` in place and moves `place` over them. Returns how many of the last bytes begin a
/// character of a text that goes on behind them.
fn mend(place: &mut Place, bytes: &mut [u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match *place {
            Place::Type => {
                *place = match bytes[at] {
                    b'+' | b'-' => Place::Text,
                    byte => Place::Number { bulk: byte == b'$', negative: false, value: 0 },
                };
                at += 1;
            }
            Place::Text => {
                let rest = &bytes[at..];
                let newline = memchr::memchr(b'\n', rest);
                let end = at + newline.map_or(rest.len(), |newline| newline + 1);
                let unfinished = mend_text(&mut bytes[at..end], newline.is_none());
                if unfinished > 0 {
                    return unfinished;
                }
                if newline.is_some() {
                    *place = Place::Type;
                }
                at = end;
            }
            Place::Number { bulk, negative, value } => {
                *place = match bytes[at] {
                    b'\n' if bulk && !negative => Place::Bulk { left: value.saturating_add(2) },
                    b'\n' => Place::Type,
                    b'-' => Place::Number { bulk, negative: true, value },
                    digit @ b'0'..=b'9' => {
                        let value = value.saturating_mul(10).saturating_add((digit - b'0').into());
                        Place::Number { bulk, negative, value }
                    }
                    _ => Place::Number { bulk, negative, value },
                };
                at += 1;
            }
            Place::Bulk { left } => {
                let taken = left.min(bytes.len() - at);
                at += taken;
                *place =
                    if taken == left { Place::Type } else { Place::Bulk { left: left - taken } };
            }
        }
    }
    0
}

/// Replaces what is not UTF-8. If the text goes on, returns how many of its last bytes may yet
/// become a character.
fn mend_text(text: &mut [u8], goes_on: bool) -> usize {
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&text[at..]) {
        let bad = at + error.valid_up_to();
        match error.error_len() {
            None if goes_on => return text.len() - bad,
            length => {
                let end = length.map_or(text.len(), |length| bad + length);
                text[bad..end].fill(b'?');
                at = end;
            }
        }
    }
    0
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyLines<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let start = buf.filled().len();
        // Handing over nothing would mean the end of the stream, so go on until there is something.
        while buf.filled().len() == start {
            if !this.mended.is_empty() {
                let length = this.mended.len().min(buf.remaining());
                buf.put_slice(&this.mended[..length]);
                this.mended.drain(..length);
                return Poll::Ready(Ok(()));
            }
            let arrived = if this.partial.is_empty() {
                ready!(this.poll_in_place(cx, buf))
            } else {
                ready!(this.poll_partial(cx))
            };
            match arrived {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => {}
                // Whatever went wrong, the connection cannot be used any more: the one kind that
                // the client never takes for a passing trouble.
                Err(_) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> ReplyLines<S> {
    /// Reads straight into the caller's buffer; returns how many bytes arrived.
    fn poll_in_place(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let start = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let arrived = &mut buf.filled_mut()[start..];
        let count = arrived.len();
        let whole = count - mend(&mut self.place, arrived);
        self.partial.extend_from_slice(&arrived[whole..]);
        buf.set_filled(start + whole);
        Poll::Ready(Ok(count))
    }

    /// Reads what follows an unfinished character into `mended`, since the caller's buffer may be
    /// too small for both; returns how many bytes arrived.
    fn poll_partial(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = [0; 64];
        let mut buf = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf))?;
        let count = buf.filled().len();
        self.mended = std::mem::take(&mut self.partial);
        if count == 0 {
            // The end: an unfinished character stays unfinished.
            self.mended.clear();
            return Poll::Ready(Ok(0));
        }
        self.mended.extend_from_slice(buf.filled());
        let whole = self.mended.len() - mend(&mut self.place, &mut self.mended);
        self.partial = self.mended.split_off(whole);
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyLines<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What comes out when `pieces` arrive one read at a time.
    fn through(pieces: Vec<Vec<u8>>) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut near, far) = tokio::io::duplex(1 << 16);
            let mut reader = ReplyLines::new(far);
            let write = async move {
                for piece in pieces {
                    near.write_all(&piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let mut out = Vec::new();
            let (_, read) = tokio::join!(write, reader.read_to_end(&mut out));
            read.unwrap();
            out
        })
    }

    fn bytewise(bytes: &[u8]) -> Vec<u8> {
        through(bytes.iter().map(|byte| vec![*byte]).collect())
    }

    #[test]
    fn broken_text_is_mended_and_bulk_strings_are_not() {
        let sent = b"-ERR unknown '\xf0\x9f\x98'\r\n$4\r\n\xff\xfe\r\n\r\n*2\r\n+\xff\r\n:1\r\n$-1\r\n+\xf0\x9f\x98\x80\r\n";
        let want = b"-ERR unknown '???'\r\n$4\r\n\xff\xfe\r\n\r\n*2\r\n+?\r\n:1\r\n$-1\r\n+\xf0\x9f\x98\x80\r\n";
        assert_eq!(through(vec![sent.to_vec()]), want);
        assert_eq!(bytewise(sent), want);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_comes_out(
            texts in proptest::collection::vec(("[ -~é😀]{0,20}", proptest::collection::vec(any::<u8>(), 0..20)), 1..10),
            cut in 1usize..7,
        ) {
            let mut sent = Vec::new();
            for (text, bulk) in &texts {
                sent.extend(format!("*2\r\n-{text}\r\n${}\r\n", bulk.len()).into_bytes());
                sent.extend(bulk);
                sent.extend(b"\r\n");
            }
            prop_assert_eq!(through(sent.chunks(cut).map(<[u8]>::to_vec).collect()), sent);
        }
    }
}
