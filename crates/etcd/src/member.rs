//! A member, as etcd's list of members has it.

use crate::wire::MemberMessage;
use raftdeck_protocol::printable;
use std::fmt;

/// A member's id as etcd makes it. Written as etcd does, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

impl MemberId {
    /// An id as etcd writes it in JSON and in its log; `None`: it is 0, which means nobody, or no id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| digits)?;
        Self::some(id)
    }

    /// An id of a message; `None`: it is 0, which means nobody.
    pub(crate) fn some(id: u64) -> Option<Self> {
        (id != 0).then_some(Self(id))
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A member, as the members' list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Its name; empty until it has started.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; none until it has started.
    pub client_urls: Vec<String>,
    /// Whether it does not vote.
    pub is_learner: bool,
}

impl From<MemberMessage> for Member {
    fn from(member: MemberMessage) -> Self {
        let lines = |texts: Vec<String>| texts.iter().map(|text| line(text)).collect();
        Self {
            id: MemberId(member.id),
            name: line(&member.name),
            peer_urls: lines(member.peer_urls),
            client_urls: lines(member.client_urls),
            is_learner: member.is_learner,
        }
    }
}

/// Text from a member in one line. A terminal must never obey what a member sent.
pub(crate) fn line(text: &str) -> String {
    printable::line(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_etcd_writes_them() {
        assert_eq!(MemberId::parse("3a596b5dfce9d296"), Some(MemberId(0x3a59_6b5d_fce9_d296)));
        assert_eq!(MemberId(0x0a_b1).to_string(), "ab1");
        for nobody in ["0", "", "+1", "xyz", "11111111111111111"] {
            assert_eq!(MemberId::parse(nobody), None, "{nobody}");
        }
    }
}
