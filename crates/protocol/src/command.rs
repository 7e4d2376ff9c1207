//! A command as the bytes of a log entry, and back. Each member reads each command, so neither way copies or allocates
//! more than it must: one buffer of the right size, and nothing. The bytes are those of [`frame`](crate::frame).

use crate::frame::{self, FrameError};
use crate::kv::{ActionOf, Command, CommandOf, NamedWriteOf, SessionWriteOf, WriteOf};
use bytes::Bytes;
use postcard::ser_flavors::Flavor;

impl Command {
    /// The content of a log entry.
    ///
    /// # Panics
    /// Never: a command can be expressed in postcard.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let buffer = Buffer(Vec::with_capacity(self.encoded_len()));
        postcard::serialize_with_flavor(self, buffer)
            .expect("invariant: a command is expressible in postcard")
            .into()
    }
}

impl<'a> CommandOf<&'a [u8]> {
    /// Reads the content of a log entry. Keys and values stay where they are.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        frame::decode("command", bytes)
    }
}

impl<B: AsRef<[u8]>> CommandOf<B> {
    /// How long it is when encoded.
    fn encoded_len(&self) -> usize {
        const TAG: usize = 1;
        let write = match &self.action {
            ActionOf::OpenSession => 0,
            ActionOf::NamedWrite(NamedWriteOf { name, write }) => string(name) + write.encoded_len(),
            ActionOf::Write(write) => write.encoded_len(),
            ActionOf::SessionWrite(SessionWriteOf { session, sequence, acknowledged, write }) => {
                number(session.0) + number(*sequence) + number(*acknowledged) + write.encoded_len()
            }
        };
        number(self.at.0) + TAG + write
    }
}

impl<B: AsRef<[u8]>> WriteOf<B> {
    fn encoded_len(&self) -> usize {
        const TAG: usize = 1;
        let rest = match self {
            Self::Put { value, .. } => string(value),
            Self::Delete { .. } => 0,
            Self::CompareAndSet { expected, value, .. } => {
                TAG + expected.as_ref().map_or(0, string) + string(value)
            }
        };
        TAG + string(self.key()) + rest
    }
}

/// The length of an integer: seven bits a byte.
fn number(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// The length of bytes with their number before them.
fn string(bytes: &impl AsRef<[u8]>) -> usize {
    let length = bytes.as_ref().len();
    number(length as u64) + length
}

/// Where postcard writes to: postcard's own starts empty and grows again and again.
struct Buffer(Vec<u8>);

impl Flavor for Buffer {
    type Output = Vec<u8>;

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{Action, LoggedTime, NamedWrite, SessionId, SessionWrite, Write};
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
    }

    /// Of every length that an integer may have.
    fn integer() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift)
    }

    fn write() -> impl Strategy<Value = Write> {
        prop_oneof![
            (bytes(), bytes()).prop_map(|(key, value)| Write::Put { key, value }),
            bytes().prop_map(|key| Write::Delete { key }),
            (bytes(), prop::option::of(bytes()), bytes())
                .prop_map(|(key, expected, value)| Write::CompareAndSet { key, expected, value }),
        ]
    }

    fn command() -> impl Strategy<Value = Command> {
        let session_write = (integer(), integer(), integer(), write()).prop_map(
            |(session, sequence, acknowledged, write)| {
                let session = SessionId(session);
                Action::SessionWrite(SessionWrite { session, sequence, acknowledged, write })
            },
        );
        let named_write =
            (bytes(), write()).prop_map(|(name, write)| Action::NamedWrite(NamedWrite { name, write }));
        let action = prop_oneof![
            write().prop_map(Action::Write),
            Just(Action::OpenSession),
            session_write,
            named_write
        ];
        (integer(), action).prop_map(|(at, action)| Command { at: LoggedTime(at), action })
    }

    proptest! {
        #[test]
        fn a_command_is_encoded_as_any_value_is_into_a_buffer_of_the_right_size(command in command()) {
            let encoded = command.encode();
            prop_assert_eq!(&encoded, &frame::encode(&command));
            prop_assert_eq!(command.encoded_len(), encoded.len());
        }

        #[test]
        fn a_command_that_is_only_looked_at_is_the_one_that_is_owned(command in command(), cut in any::<usize>()) {
            let encoded = command.encode();
            let seen = CommandOf::decode(&encoded).unwrap();
            prop_assert_eq!(seen.encoded_len(), encoded.len());
            prop_assert_eq!(frame::encode(&seen), &encoded);
            prop_assert_eq!(frame::decode::<Command>("command", &encoded).unwrap(), command);
            prop_assert!(CommandOf::decode(&encoded[..cut % encoded.len()]).is_err());
            prop_assert!(CommandOf::decode(&[&encoded[..], b"x"].concat()).is_err());
        }

        #[test]
        fn no_bytes_make_the_reading_of_a_command_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = CommandOf::decode(&bytes);
        }
    }
}
