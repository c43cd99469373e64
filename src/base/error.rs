//! Errors, named by what the caller must do, and Kafka's error codes.
//!
//! A code is an i16 on the wire; the list below holds those that this broker answers, and those of
//! other brokers that a client must know (Kafka's `Errors.java`).
//!
//! Always true: an error says where it happened (a path, an offset, a byte), so that one log line is enough.
//! Not done: no backtraces, no boxed errors; nobody above needs more than the variant and its fields.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub enum Error {
    /// The client asked for something wrong or impossible: answer with the code, keep the connection.
    Rejected { code: ErrorCode, why: Cow<'static, str> },
    /// The same, and some of the batch's records are known to be to blame: their places in it, and why.
    RejectedRecords { code: ErrorCode, why: &'static str, records: Vec<(i32, String)> },
    /// The bytes cannot be a request: close the connection.
    Malformed { what: &'static str, at: usize },
    /// A file operation failed: take what it belongs to offline.
    Storage { path: PathBuf, source: io::Error },
    /// What the disk holds cannot be what we wrote: take the partition offline, change nothing.
    Corrupt { path: PathBuf, what: String },
    /// The broker cannot start like this: print the line, exit 2.
    Unusable { cause: String, mend: String },
}

impl Error {
    pub fn rejected(code: ErrorCode, why: impl Into<Cow<'static, str>>) -> Error {
        let why = why.into();
        Error::Rejected { code, why }
    }

    pub fn unusable(cause: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::Unusable { cause: cause.into(), mend: mend.into() }
    }

    pub fn corrupt(path: impl Into<PathBuf>, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.into(), what: what.into() }
    }

    /// What a client is told beside the code, if there is more to say: the reason, but not where the broker keeps its
    /// files. With none, clients have a sentence of their own for the code.
    pub fn for_client(&self) -> Option<String> {
        match self {
            Error::Rejected { why, .. } if !why.is_empty() => Some(why.to_string()),
            Error::RejectedRecords { why, .. } => Some(why.to_string()),
            _ => None,
        }
    }

    /// The records that are known to be to blame.
    pub fn records(&self) -> &[(i32, String)] {
        match self {
            Error::RejectedRecords { records, .. } => records,
            _ => &[],
        }
    }

    /// The one map from our errors to Kafka's codes.
    pub fn code(&self) -> ErrorCode {
        match self {
            Error::Rejected { code, .. } | Error::RejectedRecords { code, .. } => *code,
            Error::Malformed { .. } => ErrorCode::INVALID_REQUEST,
            Error::Storage { .. } | Error::Corrupt { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
            Error::Unusable { .. } => ErrorCode::UNKNOWN_SERVER_ERROR,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Rejected { code, why } if why.is_empty() => write!(f, "{code}"),
            Error::Rejected { code, why } => write!(f, "{why} ({code})"),
            Error::RejectedRecords { code, why, .. } => write!(f, "{why} ({code})"),
            Error::Malformed { what, at } => write!(f, "{what} at byte {at}"),
            Error::Storage { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Corrupt { path, what } => write!(f, "{}: {what}", path.display()),
            Error::Unusable { cause, mend } => write!(f, "{cause}: {mend}"),
        }
    }
}

impl std::error::Error for Error {}

/// An error code of Kafka's protocol. 0 is success.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ErrorCode(pub i16);

macro_rules! codes {
    ($($name:ident = $code:literal,)*) => {
        impl ErrorCode {
            $(pub const $name: ErrorCode = ErrorCode($code);)*

            /// Kafka's name of the code.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($code => stringify!($name),)*
                    _ => "UNLISTED",
                }
            }
        }
    };
}

codes! {
    UNKNOWN_SERVER_ERROR = -1,
    NONE = 0,
    OFFSET_OUT_OF_RANGE = 1,
    CORRUPT_MESSAGE = 2,
    UNKNOWN_TOPIC_OR_PARTITION = 3,
    LEADER_NOT_AVAILABLE = 5,
    NOT_LEADER_OR_FOLLOWER = 6,
    REQUEST_TIMED_OUT = 7,
    REPLICA_NOT_AVAILABLE = 9,
    MESSAGE_TOO_LARGE = 10,
    OFFSET_METADATA_TOO_LARGE = 12,
    NETWORK_EXCEPTION = 13,
    COORDINATOR_LOAD_IN_PROGRESS = 14,
    COORDINATOR_NOT_AVAILABLE = 15,
    NOT_COORDINATOR = 16,
    INVALID_TOPIC_EXCEPTION = 17,
    RECORD_LIST_TOO_LARGE = 18,
    NOT_ENOUGH_REPLICAS = 19,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
    INVALID_REQUIRED_ACKS = 21,
    ILLEGAL_GENERATION = 22,
    INCONSISTENT_GROUP_PROTOCOL = 23,
    INVALID_GROUP_ID = 24,
    UNKNOWN_MEMBER_ID = 25,
    INVALID_SESSION_TIMEOUT = 26,
    REBALANCE_IN_PROGRESS = 27,
    INVALID_COMMIT_OFFSET_SIZE = 28,
    TOPIC_AUTHORIZATION_FAILED = 29,
    GROUP_AUTHORIZATION_FAILED = 30,
    CLUSTER_AUTHORIZATION_FAILED = 31,
    INVALID_TIMESTAMP = 32,
    UNSUPPORTED_VERSION = 35,
    TOPIC_ALREADY_EXISTS = 36,
    INVALID_PARTITIONS = 37,
    INVALID_REPLICATION_FACTOR = 38,
    INVALID_REPLICA_ASSIGNMENT = 39,
    INVALID_CONFIG = 40,
    NOT_CONTROLLER = 41,
    INVALID_REQUEST = 42,
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
    POLICY_VIOLATION = 44,
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    DUPLICATE_SEQUENCE_NUMBER = 46,
    INVALID_PRODUCER_EPOCH = 47,
    CONCURRENT_TRANSACTIONS = 51,
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53,
    SECURITY_DISABLED = 54,
    KAFKA_STORAGE_ERROR = 56,
    UNKNOWN_PRODUCER_ID = 59,
    NON_EMPTY_GROUP = 68,
    GROUP_ID_NOT_FOUND = 69,
    FETCH_SESSION_ID_NOT_FOUND = 70,
    INVALID_FETCH_SESSION_EPOCH = 71,
    LISTENER_NOT_FOUND = 72,
    TOPIC_DELETION_DISABLED = 73,
    FENCED_LEADER_EPOCH = 74,
    UNKNOWN_LEADER_EPOCH = 75,
    UNSUPPORTED_COMPRESSION_TYPE = 76,
    OFFSET_NOT_AVAILABLE = 78,
    MEMBER_ID_REQUIRED = 79,
    PREFERRED_LEADER_NOT_AVAILABLE = 80,
    GROUP_MAX_SIZE_REACHED = 81,
    FENCED_INSTANCE_ID = 82,
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83,
    ELECTION_NOT_NEEDED = 84,
    GROUP_SUBSCRIBED_TO_TOPIC = 86,
    INVALID_RECORD = 87,
    UNSTABLE_OFFSET_COMMIT = 88,
    THROTTLING_QUOTA_EXCEEDED = 89,
    PRODUCER_FENCED = 90,
    RESOURCE_NOT_FOUND = 91,
    DUPLICATE_RESOURCE = 92,
    UNKNOWN_TOPIC_ID = 100,
    MISMATCHED_ENDPOINT_TYPE = 114,
    UNSUPPORTED_ENDPOINT_TYPE = 115,
}

impl ErrorCode {
    pub fn is_none(self) -> bool {
        self == ErrorCode::NONE
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, code {}", self.name(), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Error {
        Error::rejected(code, "")
    }
}
