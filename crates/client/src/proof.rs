//! Proofs that a side of a connection knows a token, and the random bytes that make each proof good for one connection only.
//! What is proved, and in which order, is the handshake's (`raftdeck_protocol::handshake`).

use raftdeck_protocol::Secret;
use raftdeck_protocol::handshake::{Challenge, Nonce, Proof, Side};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::io;

/// New random bytes for one side's challenge.
pub fn nonce() -> io::Result<Nonce> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(Nonce(bytes))
}

/// One side's proof that it knows a token, on the connection that began with this frame of a hello and this answer to it.
#[must_use]
pub fn prove(token: &Secret, hello: &[u8], challenge: &Challenge, side: Side) -> Proof {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.reveal().as_bytes());
    let tag = hmac::sign(&key, &challenge.transcript(hello, side));
    let mut proof = [0; 32];
    proof.copy_from_slice(tag.as_ref());
    Proof(proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_protocol::frame;
    use raftdeck_protocol::{Hello, Role};
    use raftdeck_raft::NodeId;

    #[test]
    fn a_proof_is_good_for_one_side_of_one_connection_under_one_token() {
        let [ours, other] = ["o", "x"].map(|text| Secret::new(&text.repeat(16)).unwrap());
        let hello = |challenge| Hello { challenge, ..Hello::new("raftdeck", Role::Client) };
        let (first, second) = (hello(nonce().unwrap()), hello(nonce().unwrap()));
        assert_ne!(first.challenge, second.challenge);
        let [first, second] = [first, second].map(|hello| frame::encode(&hello));
        let challenge =
            Challenge { id: NodeId(1), standing: None, challenge: nonce().unwrap(), proofs: Vec::new() };
        let elsewhere = Challenge { id: NodeId(2), ..challenge.clone() };
        let later = Challenge { challenge: nonce().unwrap(), ..challenge.clone() };
        let proof = prove(&ours, &first, &challenge, Side::Listener);
        assert_eq!(proof, prove(&ours, &first, &challenge, Side::Listener));
        for another in [
            prove(&ours, &first, &challenge, Side::Dialer),
            prove(&ours, &second, &challenge, Side::Listener),
            prove(&ours, &first, &elsewhere, Side::Listener),
            prove(&ours, &first, &later, Side::Listener),
            prove(&other, &first, &challenge, Side::Listener),
        ] {
            assert_ne!(proof, another);
        }
    }
}
