//! Who may come in, as far as tokens say. Compares them in a time that tells nothing, and never shows one.

use raftdeck_protocol::Secret;

/// The tokens that this node asks for. Where there is none, nobody is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) client: Option<Secret>,
    /// Good for all that the clients' is good for, too.
    pub(crate) manager: Option<Secret>,
    pub(crate) peer: Option<Secret>,
}

impl Tokens {
    pub(crate) fn admit_peer(&self, shown: Option<&Secret>) -> bool {
        self.peer.is_none() || is(self.peer.as_ref(), shown)
    }

    pub(crate) fn admit_client(&self, shown: Option<&Secret>) -> bool {
        self.client.is_none() || is(self.client.as_ref(), shown) || is(self.manager.as_ref(), shown)
    }

    pub(crate) fn admit_manager(&self, shown: Option<&Secret>) -> bool {
        if self.manager.is_some() { is(self.manager.as_ref(), shown) } else { self.admit_client(shown) }
    }

    /// Whether who shows this may change who belongs to the cluster and who leads it. Whoever adds a member has the others
    /// dial it, and show it what peers show.
    pub(crate) fn lets_govern(&self, shown: Option<&Secret>) -> bool {
        let anybody = self.client.is_none() && self.manager.is_none();
        anybody || is(self.manager.as_ref(), shown)
    }
}

fn is(token: Option<&Secret>, shown: Option<&Secret>) -> bool {
    token.zip(shown).is_some_and(|(token, shown)| token == shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_opens_what_it_is_for_and_the_managers_what_the_clients_does() {
        let secret = |text: &str| Some(Secret::new(&text.repeat(16)).unwrap());
        let [client, manager, peer, wrong] = ["c", "m", "p", "x"].map(secret);
        let tokens = Tokens { client: client.clone(), manager: manager.clone(), peer: peer.clone() };
        // What is shown, and whether it makes a peer, a client, a manager, and one who may change the members.
        let cases = [
            (None, [false, false, false, false]),
            (wrong.clone(), [false, false, false, false]),
            (client.clone(), [false, true, false, false]),
            (manager.clone(), [false, true, true, true]),
            (peer, [true, false, false, false]),
        ];
        let admitted = |tokens: &Tokens, shown: Option<&Secret>| {
            [
                tokens.admit_peer(shown),
                tokens.admit_client(shown),
                tokens.admit_manager(shown),
                tokens.lets_govern(shown),
            ]
        };
        for (shown, expected) in &cases {
            assert_eq!(admitted(&tokens, shown.as_ref()), *expected);
        }
        assert_eq!(admitted(&Tokens::default(), None), [true; 4], "nobody is asked");
        assert_eq!(admitted(&Tokens::default(), wrong.as_ref()), [true; 4]);
        let of_a_lab = Tokens { manager, ..Tokens::default() };
        assert_eq!(
            admitted(&of_a_lab, None),
            [true, true, false, false],
            "keys are open, clocks and members are not"
        );
        let clients = Tokens { client: client.clone(), ..Tokens::default() };
        assert_eq!(admitted(&clients, client.as_ref()), [true, true, true, false]);
    }
}
