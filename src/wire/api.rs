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

/// The keys' names and the rows of the table, from one list.
macro_rules! apis {
    ($($number:literal $key:ident $name:literal $advertised:literal $lowest:literal $highest:literal $flexible:expr;)*) => {
        impl ApiKey {
            $(pub const $key: ApiKey = ApiKey($number);)*
        }

        pub static API_TABLE: ApiTable = ApiTable(&[$(Api {
            key: ApiKey::$key,
            name: $name,
            advertised: $advertised,
            lowest: $lowest,
            highest: $highest,
            flexible: $flexible,
        }),*]);
    };
}

apis! {
    //                                                                 advertised lowest highest flexible
     0 PRODUCE                         "Produce"                                0      3       9        9;
     1 FETCH                           "Fetch"                                  4      4      12       12;
     2 LIST_OFFSETS                    "ListOffsets"                            1      1       7        6;
     3 METADATA                        "Metadata"                               0      0      12        9;
     8 OFFSET_COMMIT                   "OffsetCommit"                           2      2       8        8;
     9 OFFSET_FETCH                    "OffsetFetch"                            1      1       8        6;
    10 FIND_COORDINATOR                "FindCoordinator"                        0      0       4        3;
    11 JOIN_GROUP                      "JoinGroup"                              0      0       7        6;
    12 HEARTBEAT                       "Heartbeat"                              0      0       4        4;
    13 LEAVE_GROUP                     "LeaveGroup"                             0      0       5        4;
    14 SYNC_GROUP                      "SyncGroup"                              0      0       5        4;
    15 DESCRIBE_GROUPS                 "DescribeGroups"                         0      0       6        5;
    16 LIST_GROUPS                     "ListGroups"                             0      0       5        3;
    18 API_VERSIONS                    "ApiVersions"                            0      0       4        3;
    19 CREATE_TOPICS                   "CreateTopics"                           2      2       7        5;
    20 DELETE_TOPICS                   "DeleteTopics"                           1      1       6        4;
    21 DELETE_RECORDS                  "DeleteRecords"                          0      0       2        2;
    22 INIT_PRODUCER_ID                "InitProducerId"                         0      0       4        2;
    23 OFFSET_FOR_LEADER_EPOCH         "OffsetForLeaderEpoch"                   2      2       4        4;
    29 DESCRIBE_ACLS                   "DescribeAcls"                           1      1       3        2;
    32 DESCRIBE_CONFIGS                "DescribeConfigs"                        0      0       4        4;
    33 ALTER_CONFIGS                   "AlterConfigs"                           0      0       2        2;
    35 DESCRIBE_LOG_DIRS               "DescribeLogDirs"                        1      1       4        2;
    37 CREATE_PARTITIONS               "CreatePartitions"                       0      0       3        2;
    42 DELETE_GROUPS                   "DeleteGroups"                           0      0       2        2;
    43 ELECT_LEADERS                   "ElectLeaders"                           0      0       2        2;
    44 INCREMENTAL_ALTER_CONFIGS       "IncrementalAlterConfigs"                0      0       1        1;
    47 OFFSET_DELETE                   "OffsetDelete"                           0      0       0    NEVER;
    48 DESCRIBE_CLIENT_QUOTAS          "DescribeClientQuotas"                   0      0       1        1;
    50 DESCRIBE_USER_SCRAM_CREDENTIALS "DescribeUserScramCredentials"           0      0       0        0;
    60 DESCRIBE_CLUSTER                "DescribeCluster"                        0      0       1        0;
    61 DESCRIBE_PRODUCERS              "DescribeProducers"                      0      0       0        0;
    75 DESCRIBE_TOPIC_PARTITIONS       "DescribeTopicPartitions"                0      0       0        0;
}

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
