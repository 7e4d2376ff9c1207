//! Which members there are, found from some client URLs.

use crate::address::ClientUrl;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::etcd::Etcd;
use crate::member::{Member, MemberId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;

/// What a given URL's member said.
type Said = Result<(Option<MemberId>, u64, Vec<Member>), CallError>;

/// Why no members were found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// No URL was given.
    #[error("no address was given: at least one member's is needed, for example http://127.0.0.1:2379")]
    NoUrl,
    /// No member answered.
    #[error("no member answered; {0}")]
    NoAnswer(CallError),
    /// The URLs are those of members of several clusters.
    #[error("{first} and {second} belong to different clusters: give the addresses of one")]
    SeveralClusters {
        /// One of them.
        first: ClientUrl,
        /// One of another.
        second: ClientUrl,
    },
}

impl Etcd {
    /// Asks all these URLs for the members of their cluster, and from now on knows those: each by a node id, which it keeps
    /// ([`MemberIds::number`](crate::MemberIds::number)). A member that answered at one of the URLs is reached there, as what it advertises may mean
    /// something else from here; another one at the first client URL that it advertises. Members that are gone are no longer asked.
    ///
    /// The members are as one that answered knows them, also without a leader.
    pub async fn find_members(
        &self,
        urls: &[ClientUrl],
        deadline: Duration,
    ) -> Result<Vec<Member>, DiscoveryError> {
        let mut asked = JoinSet::new();
        for url in urls {
            let endpoint = self.endpoint(url.clone());
            asked.spawn(async move { (endpoint.url().clone(), ask(&endpoint, deadline).await) });
        }
        // In the order of the URLs, so that it does not depend on who answers first.
        let mut answers: BTreeMap<ClientUrl, Said> = asked.join_all().await.into_iter().collect();
        let (mut given, mut found, mut last) = (BTreeMap::new(), None, None);
        for url in urls {
            match answers.remove(url) {
                Some(Ok((member, cluster, members))) => {
                    let (first, of, _) = found.get_or_insert_with(|| (url.clone(), cluster, members));
                    if *of != cluster {
                        return Err(DiscoveryError::SeveralClusters {
                            first: first.clone(),
                            second: url.clone(),
                        });
                    }
                    given.extend(member.map(|member| (member, url.clone())));
                }
                Some(Err(error)) => last = Some(error),
                // It was given twice.
                None => {}
            }
        }
        let Some((_, _, members)) = found else {
            return Err(last.map_or(DiscoveryError::NoUrl, DiscoveryError::NoAnswer));
        };
        self.know(&members, &given);
        Ok(members)
    }

    fn know(&self, members: &[Member], given: &BTreeMap<MemberId, ClientUrl>) {
        let ids = self.number(members);
        let present: BTreeSet<_> = members.iter().filter_map(|member| ids.node(member.id)).collect();
        for (node, _) in ids.iter().filter(|(node, _)| !present.contains(node)) {
            self.unset_member(node);
        }
        for member in members {
            let advertised = || member.client_urls.iter().find_map(|url| url.parse().ok());
            let url = given.get(&member.id).cloned().or_else(advertised);
            if let (Some(node), Some(url)) = (ids.node(member.id), url) {
                self.set_member(node, url, None);
            }
        }
    }
}

async fn ask(endpoint: &Endpoint, deadline: Duration) -> Said {
    let (by, members) = endpoint.members(false, deadline).await?;
    Ok((by.member, by.cluster, members))
}
