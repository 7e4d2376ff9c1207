//! The tokens that this node requires from each role. Never prints one.

use raftdeck_protocol::{Role, Secret};

/// The tokens that this node asks for. Where there is none, nothing is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) client: Option<Secret>,
    /// Good for all that the clients' is good for, too.
    pub(crate) manager: Option<Secret>,
    pub(crate) peer: Option<Secret>,
}

/// What a role has to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequiredProof<'a> {
    /// Any of these will do. The listener proves that it knows each of them.
    pub(crate) tokens: Vec<&'a Secret>,
    /// Whether this role is turned away without a proof.
    pub(crate) is_required: bool,
}

impl Tokens {
    /// The proof that a role needs. `secret` is the one that the members of the cluster share; a peer token takes precedence over it.
    pub(crate) fn asked_of<'a>(&'a self, role: &Role, secret: Option<&'a Secret>) -> RequiredProof<'a> {
        let (first, second, is_required) = match role {
            Role::Peer { .. } => (self.peer.as_ref().or(secret), None, true),
            // A node without the secret has to learn how far the others are with the founding. That is all it learns.
            Role::Founder { .. } => (self.peer.as_ref().or(secret), None, self.peer.is_some()),
            Role::Client => (self.client.as_ref(), self.manager.as_ref(), self.client.is_some()),
            Role::Manager => (self.manager.as_ref().or(self.client.as_ref()), None, true),
        };
        let tokens: Vec<&Secret> = [first, second].into_iter().flatten().collect();
        RequiredProof { is_required: is_required && !tokens.is_empty(), tokens }
    }

    /// Whether HTTP, where a token is shown as it is, lets a client in with this one.
    pub(crate) fn admit_client(&self, shown: Option<&Secret>) -> bool {
        let RequiredProof { tokens, is_required } = self.asked_of(&Role::Client, None);
        !is_required || shown.is_some_and(|shown| tokens.contains(&shown))
    }

    /// Whether a connection that proved this token may change the membership and transfer the leadership. After an
    /// addition the others dial the new member.
    pub(crate) fn lets_govern(&self, proved: Option<&Secret>) -> bool {
        let anybody = self.client.is_none() && self.manager.is_none();
        anybody || (proved.is_some() && proved == self.manager.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::NodeId;

    /// Whether this token permits connecting as a peer, a founder, a client, a manager, and may change the members.
    fn admitted(tokens: &Tokens, secret: Option<&Secret>, known: Option<&Secret>) -> [bool; 5] {
        let (id, to, none) = (NodeId(2), NodeId(1), String::new());
        let peer = Role::Peer { id, to, client_address: none.clone(), raft_address: none };
        let [peer, founder, client, manager] = [peer, Role::Founder { id, to }, Role::Client, Role::Manager]
            .map(|role| {
                let asked = tokens.asked_of(&role, secret);
                !asked.is_required || known.is_some_and(|known| asked.tokens.contains(&known))
            });
        [peer, founder, client, manager, tokens.lets_govern(known)]
    }

    #[test]
    fn each_token_opens_what_it_is_for_and_the_managers_what_the_clients_does() {
        let token = |text: &str| Some(Secret::new(&text.repeat(16)).unwrap());
        let [client, manager, peer, wrong, secret] = ["c", "m", "p", "x", "s"].map(token);
        let tokens = Tokens { client: client.clone(), manager: manager.clone(), peer: peer.clone() };
        let cases = [
            (None, [false; 5]),
            (wrong.clone(), [false; 5]),
            (client.clone(), [false, false, true, false, false]),
            (manager.clone(), [false, false, true, true, true]),
            (peer, [true, true, false, false, false]),
            (secret.clone(), [false; 5]),
        ];
        for (known, expected) in &cases {
            assert_eq!(admitted(&tokens, secret.as_ref(), known.as_ref()), *expected, "{known:?}");
        }
        assert_eq!(admitted(&Tokens::default(), None, None), [true; 5], "nothing is asked");
        assert_eq!(admitted(&Tokens::default(), None, wrong.as_ref()), [true; 5]);
        let of_a_lab = Tokens { manager, ..Tokens::default() };
        assert_eq!(
            admitted(&of_a_lab, None, None),
            [true, true, true, false, false],
            "keys are open, clocks and members are not"
        );
        let clients = Tokens { client: client.clone(), ..Tokens::default() };
        assert_eq!(admitted(&clients, None, client.as_ref()), [true, true, true, true, false]);
    }

    #[test]
    fn the_members_secret_keeps_out_peers_that_do_not_know_it_and_tells_founders_how_far_it_is() {
        let [secret, wrong] = ["s", "x"].map(|text| Secret::new(&text.repeat(16)).unwrap());
        let headless = Tokens::default();
        assert_eq!(admitted(&headless, Some(&secret), None), [false, true, true, true, true]);
        assert_eq!(admitted(&headless, Some(&secret), Some(&wrong)), [false, true, true, true, true]);
        assert_eq!(admitted(&headless, Some(&secret), Some(&secret)), [true; 5]);
    }
}
