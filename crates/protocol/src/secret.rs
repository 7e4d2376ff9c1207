//! Tokens. Never printed, and compared in constant time.

use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// The fewest and the most bytes of a token.
pub const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// A token for authentication. Its debug output does not show it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Text that is not a valid token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Outside [`TOKEN_BYTES`].
    #[error("a token has {} to {} bytes, this one has {bytes}", TOKEN_BYTES.start(), TOKEN_BYTES.end())]
    Length {
        /// Its length.
        bytes: usize,
    },
    /// It would have to be escaped in a header.
    #[error("a token consists of letters, digits and -._~+/=; this one has other characters")]
    Characters,
}

impl Secret {
    /// Takes a token as it is written in a file or a variable; white space around it is none of it.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let token = text.trim();
        if !TOKEN_BYTES.contains(&token.len()) {
            return Err(SecretError::Length { bytes: token.len() });
        }
        // The characters of a bearer token (RFC 6750, section 2.1).
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !token.bytes().all(is_fit) {
            return Err(SecretError::Characters);
        }
        Ok(Self(token.to_owned()))
    }

    /// The token itself, to be sent.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether this is the token. The comparison takes constant time for a given length.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_fit_for_a_header_and_is_never_shown() {
        let token = Secret::new(" 0123456789abcdef\n").unwrap();
        assert_eq!(token.reveal(), "0123456789abcdef");
        assert_eq!(format!("{:?}", Some(&token)), "Some(Secret(…))");
        assert_eq!(Secret::new("short"), Err(SecretError::Length { bytes: 5 }));
        assert_eq!(Secret::new(&"x".repeat(257)), Err(SecretError::Length { bytes: 257 }));
        assert_eq!(Secret::new("0123456789 abcdef"), Err(SecretError::Characters));
        assert_eq!(Secret::new("0123456789abcdefé"), Err(SecretError::Characters));
    }

    #[test]
    fn only_the_same_token_is_this_one() {
        let token = Secret::new("0123456789abcdef").unwrap();
        assert!(token.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcdeg", "0123456789abcde", "0123456789abcdef0"] {
            assert!(!token.is(wrong), "{wrong:?}");
        }
    }
}
