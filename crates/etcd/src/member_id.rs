//! The id of a founding member, as etcd computes it: so it is known before the member is started.

use crate::member::MemberId;
use sha1::{Digest, Sha1};

/// The id of a founding member: the first eight bytes of SHA-1 over its sorted peer URLs and the cluster's token
/// (`--initial-cluster-token`). A member that is added later gets an id that depends on the time: it is in the answer.
#[must_use]
pub fn member_id<S: AsRef<str>>(peer_urls: &[S], cluster_token: &str) -> MemberId {
    let mut urls: Vec<&str> = peer_urls.iter().map(AsRef::as_ref).collect();
    urls.sort_unstable();
    let digest = Sha1::digest([urls.concat().as_bytes(), cluster_token.as_bytes()].concat());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    MemberId(u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_one_that_etcd_gave() {
        // Of members of etcd 3.4.23, 3.5.1 and 3.5.30 with the token "tok".
        for (url, id) in [
            ("http://127.0.0.1:23111", "3a596b5dfce9d296"),
            ("http://127.0.0.1:23121", "3530a0221e8e4322"),
            ("http://127.0.0.1:23211", "69fcb2e6922536ab"),
            ("http://127.0.0.1:23311", "423069470a177294"),
        ] {
            assert_eq!(member_id(&[url], "tok").to_string(), id);
        }
        let (a, b) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
        assert_eq!(member_id(&[a, b], "t"), member_id(&[b, a], "t"), "the order does not matter");
    }
}
