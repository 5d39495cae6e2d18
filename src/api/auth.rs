//! Whose request this is.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::command::path;
use crate::tokens::{Denied, Tenant, Tokens};

/// The bearer of the `_token` parameter or, if there is none, of the Authorization header:
/// `Bearer token` in any case, or the bare token. (Upstash does the same.)
pub fn tenant<'a>(
    tokens: &'a Tokens,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Cow<'a, Tenant>, Denied> {
    if let Some(token) = path::token(query) {
        return tokens.tenant(&token);
    }
    let header = headers.get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    tokens.tenant(bearer(header))
}

fn bearer(header: &[u8]) -> &[u8] {
    let header = header.trim_ascii();
    match header.split_at_checked(6) {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case(b"bearer") && rest.starts_with(b" ") =>
        {
            rest.trim_ascii()
        }
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_optional_and_its_case_does_not_matter() {
        for header in ["Bearer t", "bearer  t", "BEARER t ", "t", " t"] {
            assert_eq!(bearer(header.as_bytes()), b"t", "{header}");
        }
        assert_eq!(bearer(b"Bearer"), b"Bearer");
        assert_eq!(bearer(b""), b"");
        assert_eq!(bearer(b"Bearert"), b"Bearert");
    }
}
