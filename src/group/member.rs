//! A member of a group: what it said when it joined, and what it waits for.
//!
//! Always true: metadata and assignment are the client's bytes; [`super::subscription`] alone looks into them.
//! Not done: it decides nothing; [`super::state`] does.

use crate::base::{limits, ErrorCode, Result};

/// One way of working together that a member supports: a partition assignor, for consumers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protocol {
    pub name: String,
    pub metadata: Vec<u8>,
}

/// What a client says of itself when it joins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joining {
    /// Empty: it has none yet.
    pub member_id: String,
    /// KIP-345: a name that outlives the process.
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: i64,
    pub rebalance_timeout_ms: i64,
    pub protocol_type: String,
    /// By preference.
    pub protocols: Vec<Protocol>,
    /// KIP-394: a new member is first given an id, and joins again with it.
    pub needs_known_id: bool,
}

impl Joining {
    /// Whether the names are such as a group keeps.
    pub fn check_names(&self, bytes_max: usize) -> Result<()> {
        let mut names = vec![&self.client_id, &self.protocol_type];
        names.extend(&self.instance_id);
        names.extend(self.protocols.iter().map(|protocol| &protocol.name));
        match names.into_iter().find(|name| name.len() > bytes_max) {
            None => Ok(()),
            Some(name) => {
                let why = format!("a name of {} bytes in a join", name.len());
                Err(limits::GROUP_NAME_BYTES.refuse(ErrorCode::INVALID_REQUEST, why))
            }
        }
    }
}

/// Names one request that waits. A client that lost its connection may ask again while its old request is still
/// waiting, so a member id would not do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// An id that was handed out, and with which nobody has joined yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Until then it may be used.
    pub ends_ms: i64,
    /// A rebalance waits for it: its client is still connected.
    pub is_awaited: bool,
}

/// What is kept of what a member supports.
pub fn bytes_of(protocols: &[Protocol]) -> usize {
    protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len()).sum()
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: i64,
    pub rebalance_timeout_ms: i64,
    pub protocols: Vec<Protocol>,
    pub assignment: Vec<u8>,
    /// When the session ends unless it shows life; a member that waits in a join or a sync is alive.
    pub session_ends_ms: i64,
    pub waits: Waits,
    /// It has joined, and shown no sign of life since then.
    pub is_new: bool,
    /// It has asked for its assignment in this generation.
    pub has_synced: bool,
}

/// Whether one of the member's requests waits for the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waits {
    No,
    Join(Ticket),
    Sync(Ticket),
    /// It has joined this rebalance, and then its client was gone: it belongs to the next generation, for as long as
    /// its session lasts.
    Gone,
}

impl Waits {
    pub fn ticket(self) -> Option<Ticket> {
        match self {
            Waits::Join(ticket) | Waits::Sync(ticket) => Some(ticket),
            Waits::No | Waits::Gone => None,
        }
    }
}

impl Member {
    pub fn new(id: String, joining: &Joining, now_ms: i64) -> Member {
        Member {
            id,
            instance_id: joining.instance_id.clone(),
            client_id: joining.client_id.clone(),
            client_host: joining.client_host.clone(),
            session_timeout_ms: joining.session_timeout_ms,
            rebalance_timeout_ms: joining.rebalance_timeout_ms,
            protocols: joining.protocols.clone(),
            assignment: Vec::new(),
            session_ends_ms: now_ms + joining.session_timeout_ms,
            waits: Waits::No,
            is_new: true,
            has_synced: false,
        }
    }

    /// Takes over what a join says anew.
    pub fn update(&mut self, joining: &Joining) {
        self.client_id.clone_from(&joining.client_id);
        self.client_host.clone_from(&joining.client_host);
        self.session_timeout_ms = joining.session_timeout_ms;
        self.rebalance_timeout_ms = joining.rebalance_timeout_ms;
        self.protocols.clone_from(&joining.protocols);
    }

    /// What is kept of what it said, and of what it was told to do.
    pub fn bytes(&self) -> usize {
        bytes_of(&self.protocols) + self.assignment.len()
    }

    /// Its session goes on from now.
    pub fn shows_life(&mut self, now_ms: i64) {
        self.is_new = false;
        self.renew_session(now_ms);
    }

    pub fn renew_session(&mut self, now_ms: i64) {
        self.session_ends_ms = now_ms + self.session_timeout_ms;
    }

    /// When its session ends; `None` while one of its requests waits.
    pub fn silent_from_ms(&self) -> Option<i64> {
        self.waits.ticket().is_none().then_some(self.session_ends_ms)
    }

    pub fn has_joined(&self) -> bool {
        matches!(self.waits, Waits::Join(_) | Waits::Gone)
    }

    pub fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    /// What it said about the protocol that was chosen.
    pub fn metadata(&self, protocol: &str) -> Vec<u8> {
        let known = self.protocols.iter().find(|known| known.name == protocol);
        known.map_or_else(Vec::new, |known| known.metadata.clone())
    }
}
