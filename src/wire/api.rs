//! The API table: which requests this broker knows, and in which versions.
//!
//! A request names its API by an i16 key and says in which version its bytes are. The table is the front door: the
//! dispatcher, the answer to ApiVersions and the version table of docs/protocol.md (tests/docs.rs) all come from it.
//!
//! Always true: an API is in the table only if it works whole; each row's versions decode and encode here.
//! Not done: which handler serves an API is known in `server`, above this layer.
//!
//! What to do with a request outside the table is what Apache Kafka 4 does: an unknown key, or a version that is not
//! served, closes the connection, since no answer could be understood; ApiVersions alone is answered in any version
//! (see [`super::messages::api_versions`]). Produce 0 to 2 are advertised, because older librdkafka stops
//! compressing without a word if they are not (KAFKA-18659), and not served: a request in them closes the connection.

use super::walk::Message;

/// The number of an API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiKey(pub i16);

impl ApiKey {
    pub const PRODUCE: ApiKey = ApiKey(0);
    pub const FETCH: ApiKey = ApiKey(1);
    pub const LIST_OFFSETS: ApiKey = ApiKey(2);
    pub const METADATA: ApiKey = ApiKey(3);
    pub const OFFSET_COMMIT: ApiKey = ApiKey(8);
    pub const OFFSET_FETCH: ApiKey = ApiKey(9);
    pub const FIND_COORDINATOR: ApiKey = ApiKey(10);
    pub const JOIN_GROUP: ApiKey = ApiKey(11);
    pub const HEARTBEAT: ApiKey = ApiKey(12);
    pub const LEAVE_GROUP: ApiKey = ApiKey(13);
    pub const SYNC_GROUP: ApiKey = ApiKey(14);
    pub const DESCRIBE_GROUPS: ApiKey = ApiKey(15);
    pub const LIST_GROUPS: ApiKey = ApiKey(16);
    pub const API_VERSIONS: ApiKey = ApiKey(18);
    pub const CREATE_TOPICS: ApiKey = ApiKey(19);
    pub const DELETE_TOPICS: ApiKey = ApiKey(20);
    pub const DELETE_RECORDS: ApiKey = ApiKey(21);
    pub const INIT_PRODUCER_ID: ApiKey = ApiKey(22);
    pub const OFFSET_FOR_LEADER_EPOCH: ApiKey = ApiKey(23);
    pub const DESCRIBE_ACLS: ApiKey = ApiKey(29);
    pub const DESCRIBE_CONFIGS: ApiKey = ApiKey(32);
    pub const ALTER_CONFIGS: ApiKey = ApiKey(33);
    pub const DESCRIBE_LOG_DIRS: ApiKey = ApiKey(35);
    pub const CREATE_PARTITIONS: ApiKey = ApiKey(37);
    pub const DELETE_GROUPS: ApiKey = ApiKey(42);
    pub const ELECT_LEADERS: ApiKey = ApiKey(43);
    pub const INCREMENTAL_ALTER_CONFIGS: ApiKey = ApiKey(44);
    pub const OFFSET_DELETE: ApiKey = ApiKey(47);
    pub const DESCRIBE_CLIENT_QUOTAS: ApiKey = ApiKey(48);
    pub const DESCRIBE_USER_SCRAM_CREDENTIALS: ApiKey = ApiKey(50);
    pub const DESCRIBE_CLUSTER: ApiKey = ApiKey(60);
    pub const DESCRIBE_PRODUCERS: ApiKey = ApiKey(61);
    pub const DESCRIBE_TOPIC_PARTITIONS: ApiKey = ApiKey(75);
}

/// A row of the table.
#[derive(Debug)]
pub struct Api {
    pub key: ApiKey,
    pub name: &'static str,
    /// The lowest version that ApiVersions tells clients about.
    pub advertised: i16,
    /// The lowest version that is served.
    pub lowest: i16,
    pub highest: i16,
    /// The first version with compact lengths and tagged fields (KIP-482), or [`NEVER`].
    pub flexible: i16,
}

/// No version of the API is flexible.
pub const NEVER: i16 = i16::MAX;

impl Api {
    pub fn serves(&self, version: i16) -> bool {
        (self.lowest..=self.highest).contains(&version)
    }

    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }
}

/// The rows, sorted by key.
#[derive(Debug)]
pub struct ApiTable(&'static [Api]);

#[rustfmt::skip]
pub static API_TABLE: ApiTable = ApiTable(&[
    Api { key: ApiKey::PRODUCE,                         name: "Produce",                      advertised: 0, lowest: 3, highest: 9,  flexible: 9     },
    Api { key: ApiKey::FETCH,                           name: "Fetch",                        advertised: 4, lowest: 4, highest: 12, flexible: 12    },
    Api { key: ApiKey::LIST_OFFSETS,                    name: "ListOffsets",                  advertised: 1, lowest: 1, highest: 7,  flexible: 6     },
    Api { key: ApiKey::METADATA,                        name: "Metadata",                     advertised: 0, lowest: 0, highest: 12, flexible: 9     },
    Api { key: ApiKey::OFFSET_COMMIT,                   name: "OffsetCommit",                 advertised: 2, lowest: 2, highest: 8,  flexible: 8     },
    Api { key: ApiKey::OFFSET_FETCH,                    name: "OffsetFetch",                  advertised: 1, lowest: 1, highest: 8,  flexible: 6     },
    Api { key: ApiKey::FIND_COORDINATOR,                name: "FindCoordinator",              advertised: 0, lowest: 0, highest: 4,  flexible: 3     },
    Api { key: ApiKey::JOIN_GROUP,                      name: "JoinGroup",                    advertised: 0, lowest: 0, highest: 7,  flexible: 6     },
    Api { key: ApiKey::HEARTBEAT,                       name: "Heartbeat",                    advertised: 0, lowest: 0, highest: 4,  flexible: 4     },
    Api { key: ApiKey::LEAVE_GROUP,                     name: "LeaveGroup",                   advertised: 0, lowest: 0, highest: 5,  flexible: 4     },
    Api { key: ApiKey::SYNC_GROUP,                      name: "SyncGroup",                    advertised: 0, lowest: 0, highest: 5,  flexible: 4     },
    Api { key: ApiKey::DESCRIBE_GROUPS,                 name: "DescribeGroups",               advertised: 0, lowest: 0, highest: 6,  flexible: 5     },
    Api { key: ApiKey::LIST_GROUPS,                     name: "ListGroups",                   advertised: 0, lowest: 0, highest: 5,  flexible: 3     },
    Api { key: ApiKey::API_VERSIONS,                    name: "ApiVersions",                  advertised: 0, lowest: 0, highest: 4,  flexible: 3     },
    Api { key: ApiKey::CREATE_TOPICS,                   name: "CreateTopics",                 advertised: 2, lowest: 2, highest: 7,  flexible: 5     },
    Api { key: ApiKey::DELETE_TOPICS,                   name: "DeleteTopics",                 advertised: 1, lowest: 1, highest: 6,  flexible: 4     },
    Api { key: ApiKey::DELETE_RECORDS,                  name: "DeleteRecords",                advertised: 0, lowest: 0, highest: 2,  flexible: 2     },
    Api { key: ApiKey::INIT_PRODUCER_ID,                name: "InitProducerId",               advertised: 0, lowest: 0, highest: 4,  flexible: 2     },
    Api { key: ApiKey::OFFSET_FOR_LEADER_EPOCH,         name: "OffsetForLeaderEpoch",         advertised: 2, lowest: 2, highest: 4,  flexible: 4     },
    Api { key: ApiKey::DESCRIBE_ACLS,                   name: "DescribeAcls",                 advertised: 1, lowest: 1, highest: 3,  flexible: 2     },
    Api { key: ApiKey::DESCRIBE_CONFIGS,                name: "DescribeConfigs",              advertised: 0, lowest: 0, highest: 4,  flexible: 4     },
    Api { key: ApiKey::ALTER_CONFIGS,                   name: "AlterConfigs",                 advertised: 0, lowest: 0, highest: 2,  flexible: 2     },
    Api { key: ApiKey::DESCRIBE_LOG_DIRS,               name: "DescribeLogDirs",              advertised: 1, lowest: 1, highest: 4,  flexible: 2     },
    Api { key: ApiKey::CREATE_PARTITIONS,               name: "CreatePartitions",             advertised: 0, lowest: 0, highest: 3,  flexible: 2     },
    Api { key: ApiKey::DELETE_GROUPS,                   name: "DeleteGroups",                 advertised: 0, lowest: 0, highest: 2,  flexible: 2     },
    Api { key: ApiKey::ELECT_LEADERS,                   name: "ElectLeaders",                 advertised: 0, lowest: 0, highest: 2,  flexible: 2     },
    Api { key: ApiKey::INCREMENTAL_ALTER_CONFIGS,       name: "IncrementalAlterConfigs",      advertised: 0, lowest: 0, highest: 1,  flexible: 1     },
    Api { key: ApiKey::OFFSET_DELETE,                   name: "OffsetDelete",                 advertised: 0, lowest: 0, highest: 0,  flexible: NEVER },
    Api { key: ApiKey::DESCRIBE_CLIENT_QUOTAS,          name: "DescribeClientQuotas",         advertised: 0, lowest: 0, highest: 1,  flexible: 1     },
    Api { key: ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS, name: "DescribeUserScramCredentials", advertised: 0, lowest: 0, highest: 0,  flexible: 0     },
    Api { key: ApiKey::DESCRIBE_CLUSTER,                name: "DescribeCluster",              advertised: 0, lowest: 0, highest: 1,  flexible: 0     },
    Api { key: ApiKey::DESCRIBE_PRODUCERS,              name: "DescribeProducers",            advertised: 0, lowest: 0, highest: 0,  flexible: 0     },
    Api { key: ApiKey::DESCRIBE_TOPIC_PARTITIONS,       name: "DescribeTopicPartitions",      advertised: 0, lowest: 0, highest: 0,  flexible: 0     },
]);

impl ApiTable {
    pub fn find(&self, key: ApiKey) -> Option<&'static Api> {
        self.0.iter().find(|api| api.key == key)
    }

    pub fn iter(&self) -> impl Iterator<Item = &'static Api> {
        self.0.iter()
    }
}

/// A message that asks; its API and the message that answers it.
pub trait Request: Message + Default {
    const KEY: ApiKey;
    type Response: Message + Default;

    /// The row of the request's API.
    ///
    /// # Panics
    /// If the table has none, which a test rules out.
    fn api() -> &'static Api {
        API_TABLE.find(Self::KEY).expect("each request's API has a row in the table")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_their_versions_make_sense() {
        assert!(API_TABLE.0.is_sorted_by(|a, b| a.key < b.key));
        for api in API_TABLE.iter() {
            assert!(0 <= api.advertised && api.advertised <= api.lowest && api.lowest <= api.highest, "{api:?}");
            assert!(api.serves(api.lowest) && api.serves(api.highest), "{api:?}");
            assert!(!api.serves(api.lowest - 1) && !api.serves(api.highest + 1), "{api:?}");
        }
    }

    #[test]
    fn produce_is_advertised_from_0_and_served_from_3() {
        let produce = API_TABLE.find(ApiKey::PRODUCE).unwrap();
        assert_eq!((produce.advertised, produce.serves(2), produce.serves(3)), (0, false, true));
    }

    #[test]
    fn an_unknown_key_is_not_found() {
        assert!(API_TABLE.find(ApiKey(-1)).is_none());
    }
}
