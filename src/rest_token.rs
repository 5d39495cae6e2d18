//! REST tokens of ACL users (Upstash docs, "ACL GENTOKEN" and "ACL RESTTOKEN").
//!
//! A token carries the user's name and password, signed with a key that follows from a full-access
//! token. So nothing has to be stored: it survives a restart, Redis itself says whether name and
//! password still hold, and only what was signed here is ever tried there. Changing the full-access
//! token ends all tokens that its bearers have made.
//!
//! Whoever has such a token can check guesses of the full-access token against it, at his leisure. So
//! one that is short enough to be guessed signs none.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// The first byte of every token: which layout follows.
const VERSION: u8 = 1;

/// Where the parts lie: version, key's name, signature, length of the user's name, name, password.
const SIGNATURE: usize = 1 + KeyName::BYTES;
const NAME: usize = SIGNATURE + SIGNATURE_BYTES + 1;

/// A shortened HMAC-SHA-256: 128 bits are beyond guessing.
const SIGNATURE_BYTES: usize = 16;

/// Longest password, in bytes. A token of a longer one would not fit in a header line.
const LONGEST_PASSWORD: usize = 2048;

/// Who an ACL user is to Redis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password, as Redis knows it.
    pub password: Secret,
}

/// Full-access tokens shorter than this, in bytes, sign nothing: 20 random hexadecimal digits are 80
/// bits, beyond anybody's guessing.
const LEAST_TO_SIGN: usize = 20;

/// Which key signed a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName([u8; Self::BYTES]);

impl KeyName {
    const BYTES: usize = 8;

    /// The name of the key that a token claims to be signed with; `None` if it is no token.
    pub fn of(token: &[u8]) -> Option<Self> {
        Self::within(&decode(token)?)
    }

    fn within(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == VERSION).then_some(Self(*rest.first_chunk()?))
    }
}

/// Signs tokens, and reads those that it signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: KeyName,
    secret: [u8; 32],
    is_strong: bool,
}

impl Key {
    /// The key of those who bear this full-access token.
    pub fn new(full_access_token: &str) -> Self {
        let name = hmac(full_access_token.as_bytes(), &[b"pkv: name of the REST tokens' key"]);
        let secret = hmac(full_access_token.as_bytes(), &[b"pkv: the REST tokens' key"]);
        let mut short = [0; KeyName::BYTES];
        short.copy_from_slice(&name[..KeyName::BYTES]);
        Self { name: KeyName(short), secret, is_strong: full_access_token.len() >= LEAST_TO_SIGN }
    }

    /// What its tokens call it.
    pub fn name(&self) -> KeyName {
        self.name
    }

    /// The token of this user, or why there is none.
    pub fn sign(&self, login: &Login) -> Result<String, String> {
        if !self.is_strong {
            return Err(format!(
                "the token that you use (SRH_TOKEN) is too short to sign others with: take one of \
                 {LEAST_TO_SIGN} random characters or more"
            ));
        }
        let (user, password) = (login.user.as_bytes(), login.password.reveal().as_bytes());
        let (Ok(length), 0..=LONGEST_PASSWORD) = (u8::try_from(user.len()), password.len()) else {
            return Err("the user's name or password is too long".into());
        };
        let signature = self.signature(&[&[length], user, password]);
        let parts = [&[VERSION][..], &self.name.0, &signature, &[length], user, password];
        Ok(URL_SAFE_NO_PAD.encode(parts.concat()))
    }

    /// Whose token this is; `None` if it was not signed with this key.
    pub fn login(&self, token: &[u8]) -> Option<Login> {
        let bytes = decode(token)?;
        if !self.is_strong || KeyName::within(&bytes) != Some(self.name) {
            return None;
        }
        let signature = bytes.get(SIGNATURE..SIGNATURE + SIGNATURE_BYTES)?;
        let signed = bytes.get(NAME - 1..)?;
        self.mac(&[signed]).verify_truncated_left(signature).ok()?;
        let (length, rest) = signed.split_first()?;
        let (user, password) = rest.split_at_checked(usize::from(*length))?;
        Some(Login {
            user: String::from_utf8(user.to_vec()).ok()?,
            password: Secret::new(String::from_utf8(password.to_vec()).ok()?),
        })
    }

    fn signature(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.mac(parts).finalize().into_bytes()[..SIGNATURE_BYTES].to_vec()
    }

    /// Over everything that a token says.
    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = keyed(&self.secret);
        mac.update(&[VERSION]);
        mac.update(&self.name.0);
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn decode(token: &[u8]) -> Option<Vec<u8>> {
    const LONGEST: usize = (NAME + u8::MAX as usize + LONGEST_PASSWORD).div_ceil(3) * 4;
    if token.len() > LONGEST {
        return None;
    }
    URL_SAFE_NO_PAD.decode(token).ok()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length (RFC 2104)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.into(), password: Secret::new(password) }
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let key = Key::new("a-full-access-token-of-a-test");
        for (user, password) in
            [("app", "s3cret"), ("é", ""), (&"u".repeat(255), &"p".repeat(2048))]
        {
            let token = key.sign(&login(user, password)).unwrap();
            assert_eq!(KeyName::of(token.as_bytes()), Some(key.name()));
            assert_eq!(key.login(token.as_bytes()), Some(login(user, password)));
            assert!(
                token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
        }
        assert!(key.sign(&login(&"u".repeat(256), "p")).is_err());
        assert!(key.sign(&login("u", &"p".repeat(2049))).is_err());
    }

    #[test]
    fn nobody_else_can_make_one() {
        let key = Key::new("a-full-access-token-of-a-test");
        let token = key.sign(&login("app", "s3cret")).unwrap();
        let other = Key::new("another-full-access-token");
        assert_eq!(other.login(token.as_bytes()), None);
        let short = Key::new("nineteen-characters");
        assert!(short.sign(&login("app", "s3cret")).unwrap_err().contains("too short"));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let forged = URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(key.login(forged.as_bytes()), None, "byte {at}");
        }
        for length in 0..bytes.len() {
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert_eq!(key.login(cut.as_bytes()), None, "{length} bytes");
        }
        assert_eq!(key.login(b""), None);
        assert_eq!(key.login("A".repeat(1_000_000).as_bytes()), None);
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", Key::new("a-full-access-token-of-a-test")), "***");
    }
}
