//! What can go wrong for a client: named by what its user can do, saying what was asked of whom.
//!
//! Always true: an error is one line that stands for itself; one that a later try may mend says so
//! ([`Error::is_retriable`]). It can be cloned, as the records of a batch share their fate.
//! Not done: no chain of causes; the line quotes the last one.

use std::fmt;
use std::time::Duration;

use crate::base::ErrorCode;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// Nobody answers there, or the connection broke: look at the address, the broker, the network.
    Unreachable { what: String, whom: String, why: String },
    /// The broker answered no.
    Refused { what: String, code: ErrorCode, message: String },
    /// It is not known whether it was done: the time was over first.
    TimedOut { what: String, after: Duration, why: String },
    /// What came back is no answer of Kafka's protocol, or records that their checksum contradicts.
    Garbled { what: String, whom: String, why: String },
    /// This broker, or this build, cannot do it.
    Unsupported { what: String, why: String },
    /// The call itself is wrong: a setting, a record that is too large, a partition that does not exist.
    Invalid { what: String, why: String },
    /// It was closed before.
    Closed { what: String },
}

impl Error {
    pub fn refused(what: impl Into<String>, code: ErrorCode, message: Option<String>) -> Error {
        Error::Refused { what: what.into(), code, message: message.unwrap_or_default() }
    }

    pub fn invalid(what: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Invalid { what: what.into(), why: why.into() }
    }

    pub fn unsupported(what: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Unsupported { what: what.into(), why: why.into() }
    }

    /// The broker's code, if it answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same call may succeed a moment later, elsewhere or here.
    pub fn is_retriable(&self) -> bool {
        match self {
            Error::Unreachable { .. } => true,
            Error::Refused { code, .. } => is_retriable(*code),
            _ => false,
        }
    }

    /// Whether the connection that gave it is of no more use.
    pub(super) fn breaks_connection(&self) -> bool {
        matches!(self, Error::Unreachable { .. } | Error::TimedOut { .. } | Error::Garbled { .. })
    }
}

/// An error for a code, nothing for none.
pub(super) fn check(what: impl FnOnce() -> String, code: ErrorCode, message: Option<String>) -> Result<()> {
    match code.is_none() {
        true => Ok(()),
        false => Err(Error::refused(what(), code, message)),
    }
}

/// Kafka's `RetriableException`s. A topic that is unknown is not among them: it may be one that was just created, and is
/// usually one that was misspelt; who waits for the first kind asks for it.
pub fn is_retriable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CORRUPT_MESSAGE
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::REPLICA_NOT_AVAILABLE
            | ErrorCode::NETWORK_EXCEPTION
            | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::NOT_ENOUGH_REPLICAS
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::NOT_CONTROLLER
            | ErrorCode::CONCURRENT_TRANSACTIONS
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::LISTENER_NOT_FOUND
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::UNKNOWN_LEADER_EPOCH
            | ErrorCode::OFFSET_NOT_AVAILABLE
            | ErrorCode::UNSTABLE_OFFSET_COMMIT
            | ErrorCode::THROTTLING_QUOTA_EXCEEDED
    )
}

/// What to do about a code, where that is known.
fn mend(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => "; create the topic first, or look at its name and its partitions",
        ErrorCode::MESSAGE_TOO_LARGE => "; send less at once, or raise max.message.bytes of the topic",
        ErrorCode::TOPIC_ALREADY_EXISTS => "; take another name, or use the topic that is there",
        ErrorCode::NON_EMPTY_GROUP => "; stop the group's consumers first",
        ErrorCode::INVALID_REPLICATION_FACTOR => "; ask for no more replicas than there are brokers",
        ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC => "; stop the consumers that read the topic first",
        ErrorCode::KAFKA_STORAGE_ERROR => "; the broker's log says what its disk did",
        ErrorCode::OFFSET_OUT_OF_RANGE => "; the log starts later or ends earlier: seek, or set auto.offset.reset",
        _ => "",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreachable { what, whom, why } => write!(f, "{what}: {whom} cannot be reached: {why}"),
            Error::Refused { what, code, message } if message.is_empty() => {
                write!(f, "{what}: the broker answers {code}{}", mend(*code))
            }
            Error::Refused { what, code, message } => {
                write!(f, "{what}: the broker answers {code}: {}{}", message.trim_end_matches('.'), mend(*code))
            }
            Error::TimedOut { what, after, why } => {
                write!(f, "{what}: not done within {} ms: {why}", after.as_millis())
            }
            Error::Garbled { what, whom, why } => write!(f, "{what}: the answer of {whom} makes no sense: {why}"),
            Error::Unsupported { what, why } | Error::Invalid { what, why } => write!(f, "{what}: {why}"),
            Error::Closed { what } => write!(f, "{what}: it is closed"),
        }
    }
}

impl std::error::Error for Error {}
