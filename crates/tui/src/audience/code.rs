//! The join code: what a phone must know to get anything at all from the server.

use color_eyre::eyre::{Result, eyre};
use std::fmt;
use subtle::ConstantTimeEq;

/// No two of them look alike on a projector: no B beside 8, no I, O, S, Z, U beside 1, 0, 5, 2, V.
const ALPHABET: &[u8; 25] = b"ACDEFGHJKLMNPQRTVWXY34679";

/// How many characters: a quarter of a billion codes, of which a guesser may try a few a second.
pub(super) const LENGTH: usize = 6;

/// A join code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct JoinCode([u8; LENGTH]);

impl JoinCode {
    /// A new one, from the system's randomness.
    pub(super) fn new() -> Result<Self> {
        let mut code = [0; LENGTH];
        let mut at = 0;
        while at < LENGTH {
            let mut bytes = [0; LENGTH * 2];
            getrandom::fill(&mut bytes)
                .map_err(|error| eyre!("the system gives no random numbers: {error}"))?;
            for letter in bytes.into_iter().filter_map(letter).take(LENGTH - at) {
                code[at] = letter;
                at += 1;
            }
        }
        Ok(Self(code))
    }

    /// Whether this is it, in upper or lower case. Takes as long for each wrong one.
    pub(super) fn is(self, given: &str) -> bool {
        let mut typed = [0; LENGTH];
        let fits = given.len() == LENGTH;
        for (to, from) in typed.iter_mut().zip(given.bytes()) {
            *to = from.to_ascii_uppercase();
        }
        bool::from(typed.ct_eq(&self.0)) && fits
    }
}

/// A letter, each as probable as the others.
fn letter(byte: u8) -> Option<u8> {
    let all = u8::try_from(ALPHABET.len()).ok()?;
    (byte < u8::MAX / all * all).then(|| ALPHABET[usize::from(byte % all)])
}

impl fmt::Display for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for JoinCode {
    /// It is a secret, if a small one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinCode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_of_its_alphabet_and_another_each_time() {
        let codes: std::collections::BTreeSet<String> =
            (0..64).map(|_| JoinCode::new().unwrap().to_string()).collect();
        assert_eq!(codes.len(), 64);
        assert!(codes.iter().all(|code| code.len() == LENGTH && code.bytes().all(|c| ALPHABET.contains(&c))));
    }

    #[test]
    fn only_the_code_itself_is_right() {
        let code = JoinCode(*b"ACDEF3");
        assert!(code.is("ACDEF3") && code.is("acdef3"));
        for wrong in ["", "ACDEF", "ACDEF33", "ACDEF4", "ACDEF3\0", "\0\0\0\0\0\0"] {
            assert!(!code.is(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn each_letter_is_as_probable_as_the_others() {
        let mut counts = [0; 256];
        (0..=u8::MAX).filter_map(letter).for_each(|letter| counts[usize::from(letter)] += 1);
        assert!(ALPHABET.iter().all(|letter| counts[usize::from(*letter)] == 10));
    }
}
