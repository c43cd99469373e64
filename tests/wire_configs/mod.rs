//! The part of tests/wire_roundtrip.rs that is about configurations, with the one version that has no other
//! implementation to compare with.

use super::{check, check_defaults, check_from, s, some, ERROR};
use kafka_protocol::messages as theirs;
use sendlog::tap::printer::print;
use sendlog::wire::frame::{decode_request_header, decode_response, encode_request, encode_response};
use sendlog::wire::messages as ours;
use sendlog::wire::Request;

#[test]
fn describe_configs() {
    let request = |version| {
        use ours::describe_configs::DescribeConfigsResource;
        let keys = Some(vec!["one".to_string(), "two".to_string()]);
        let resources = vec![
            DescribeConfigsResource { resource_type: 2, resource_name: "demo".into(), configuration_keys: keys },
            DescribeConfigsResource { resource_type: 4, resource_name: "1".into(), configuration_keys: None },
            Default::default(),
        ];
        let ours = ours::DescribeConfigsRequest { resources, include_synonyms: true, include_documentation: true };
        use theirs::describe_configs_request::DescribeConfigsResource as Theirs;
        let demo = Theirs::default().with_resource_type(2).with_resource_name(s("demo"));
        let demo = demo.with_configuration_keys(Some(vec![s("one"), s("two")]));
        let all = Theirs::default().with_resource_type(4).with_resource_name(s("1")).with_configuration_keys(None);
        let theirs = theirs::DescribeConfigsRequest::default().with_resources(vec![demo, all, Default::default()]);
        (ours, theirs.with_include_synonyms(true).with_include_documentation(version >= 3))
    };
    // The crate does not know version 0, see below.
    check_from(1, request, describe_configs_response);
}

/// With what version 0 alone has, and with what it does not have.
fn our_describe_configs_response() -> ours::DescribeConfigsResponse {
    use ours::describe_configs::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym};
    let synonym = DescribeConfigsSynonym { name: "log.key".into(), value: some("other"), source: 5 };
    let config = DescribeConfigsResourceResult {
        name: "key".into(),
        value: some("value"),
        read_only: true,
        is_default: true,
        config_source: 1,
        is_sensitive: false,
        synonyms: vec![synonym, Default::default()],
        config_type: 7,
        documentation: some("what it is"),
    };
    let null = DescribeConfigsResourceResult { name: "null".into(), is_sensitive: true, ..Default::default() };
    let described = DescribeConfigsResult {
        error_code: ERROR,
        error_message: some("why"),
        resource_type: 2,
        resource_name: "demo".into(),
        configs: vec![config, null],
    };
    ours::DescribeConfigsResponse { throttle_time_ms: 3, results: vec![described, Default::default()] }
}

fn describe_configs_response(_version: i16) -> (ours::DescribeConfigsResponse, theirs::DescribeConfigsResponse) {
    use theirs::describe_configs_response as they;
    let synonym = they::DescribeConfigsSynonym::default().with_name(s("log.key")).with_value(Some(s("other")));
    let nothing = they::DescribeConfigsSynonym::default().with_value(None);
    let config = they::DescribeConfigsResourceResult::default().with_name(s("key")).with_value(Some(s("value")));
    let config = config.with_read_only(true).with_config_source(1).with_config_type(7);
    let config = config
        .with_synonyms(vec![synonym.with_source(5), nothing])
        .with_documentation(Some(s("what it is")));
    let null = they::DescribeConfigsResourceResult::default().with_name(s("null")).with_value(None);
    let null = null.with_is_sensitive(true).with_documentation(None);
    let described = they::DescribeConfigsResult::default().with_error_code(41).with_error_message(Some(s("why")));
    let described = described.with_resource_type(2).with_resource_name(s("demo")).with_configs(vec![config, null]);
    let nothing = they::DescribeConfigsResult::default().with_error_message(None);
    let theirs = theirs::DescribeConfigsResponse::default().with_throttle_time_ms(3);
    (our_describe_configs_response(), theirs.with_results(vec![described, nothing]))
}

/// Field by field, as Kafka's definition has it up to 3.9: no crate reads version 0, but sarama sends it.
#[test]
fn describe_configs_0() {
    type Asked = ours::DescribeConfigsRequest;
    let request = [
        &[0, 0, 0, 36, 0, 32, 0, 0, 0, 0, 0, 77, 0, 0][..], // size, key, version, correlation id, client id
        &[0, 0, 0, 2, 2, 0, 4, b'd', b'e', b'm', b'o', 0, 0, 0, 1, 0, 1, b'k'], // topic demo, its key k
        &[4, 0, 1, b'1', 0xff, 0xff, 0xff, 0xff],           // broker 1, null: all keys
    ]
    .concat();
    let (header, decoder) = decode_request_header(&request[4..]).unwrap();
    assert_eq!((header.api_version, header.correlation_id), (0, 77));
    let mut asked: Asked = decoder.message().unwrap();
    assert_eq!(print("DescribeConfigs", 0, &mut asked), r#"DescribeConfigs v0 [[2 "demo" ["k"]] [4 "1" null]]"#);
    assert_eq!((asked.include_synonyms, asked.include_documentation), (false, false));
    let encoded = encode_request(Vec::new(), 0, 77, Some(""), &mut asked).unwrap();
    assert_eq!(encoded.bytes, request);

    let config = [
        &[0, 3, b'k', b'e', b'y', 0, 5, b'v', b'a', b'l', b'u', b'e', 1, 1, 0][..], // read only, a default
        &[0, 4, b'n', b'u', b'l', b'l', 0xff, 0xff, 0, 0, 1],                       // sensitive
    ]
    .concat();
    let response = [
        &[0, 0, 0, 77, 0, 0, 0, 3, 0, 0, 0, 2][..], // correlation id, throttle time, two results
        &[0, 41, 0, 3, b'w', b'h', b'y', 2, 0, 4, b'd', b'e', b'm', b'o', 0, 0, 0, 2],
        &config,
        &[0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0], // NONE, null, type 0, no name, no configs
    ]
    .concat();
    let encoded = encode_response(Vec::new(), Asked::api(), 0, 77, &mut our_describe_configs_response()).unwrap();
    assert_eq!(encoded.bytes[4..], response);
    let (_, mut again) = decode_response::<Asked>(&response, 0).unwrap();
    assert_eq!(again.results[0].configs[0].config_source, -1);
    let text = r#"[["key" "value" true true false] ["null" null false false true]]"#;
    let expected = format!(r#"DescribeConfigs v0 3 [[NOT_CONTROLLER "why" 2 "demo" {text}] [NONE null 0 "" []]]"#);
    assert_eq!(print("DescribeConfigs", 0, &mut again), expected);
}

#[test]
fn alter_configs() {
    let request = |_| {
        use ours::alter_configs::{AlterConfigsResource, AlterableConfig};
        let configs = vec![
            AlterableConfig { name: "key".into(), value: some("value") },
            AlterableConfig { name: "null".into(), value: None },
        ];
        let demo = AlterConfigsResource { resource_type: 2, resource_name: "demo".into(), configs };
        let resources = vec![demo, Default::default()];
        use theirs::alter_configs_request as they;
        let config = they::AlterableConfig::default().with_name(s("key")).with_value(Some(s("value")));
        let null = they::AlterableConfig::default().with_name(s("null")).with_value(None);
        let demo = they::AlterConfigsResource::default().with_resource_type(2).with_resource_name(s("demo"));
        let demo = demo.with_configs(vec![config, null]);
        let theirs = theirs::AlterConfigsRequest::default().with_resources(vec![demo, Default::default()]);
        (ours::AlterConfigsRequest { resources, validate_only: true }, theirs.with_validate_only(true))
    };
    let response = |_| {
        use theirs::alter_configs_response::AlterConfigsResourceResponse as Theirs;
        let altered = Theirs::default().with_error_code(41).with_error_message(Some(s("why"))).with_resource_type(2);
        let altered = altered.with_resource_name(s("demo"));
        let theirs = theirs::AlterConfigsResponse::default().with_throttle_time_ms(1);
        let theirs = theirs.with_responses(vec![altered, Theirs::default().with_error_message(None)]);
        (ours::AlterConfigsResponse { throttle_time_ms: 1, responses: altered_resources() }, theirs)
    };
    check(request, response);
}

fn altered_resources() -> Vec<ours::alter_configs::AlterConfigsResourceResponse> {
    let altered = ours::alter_configs::AlterConfigsResourceResponse {
        error_code: ERROR,
        error_message: some("why"),
        resource_type: 2,
        resource_name: "demo".into(),
    };
    vec![altered, Default::default()]
}

#[test]
fn incremental_alter_configs() {
    let request = |_| {
        use ours::incremental_alter_configs::{AlterConfigsResource, AlterableConfig, APPEND, DELETE};
        let configs = vec![
            AlterableConfig { name: "key".into(), config_operation: APPEND, value: some("value") },
            AlterableConfig { name: "null".into(), config_operation: DELETE, value: None },
        ];
        let demo = AlterConfigsResource { resource_type: 4, resource_name: "demo".into(), configs };
        let resources = vec![demo, Default::default()];
        use theirs::incremental_alter_configs_request as they;
        let config = they::AlterableConfig::default().with_name(s("key")).with_config_operation(2);
        let null = they::AlterableConfig::default().with_name(s("null")).with_config_operation(1).with_value(None);
        let demo = they::AlterConfigsResource::default().with_resource_type(4).with_resource_name(s("demo"));
        let demo = demo.with_configs(vec![config.with_value(Some(s("value"))), null]);
        let theirs = theirs::IncrementalAlterConfigsRequest::default().with_validate_only(true);
        let ours = ours::IncrementalAlterConfigsRequest { resources, validate_only: true };
        (ours, theirs.with_resources(vec![demo, Default::default()]))
    };
    let response = |_| {
        use theirs::incremental_alter_configs_response::AlterConfigsResourceResponse as Theirs;
        let altered = Theirs::default().with_error_code(41).with_error_message(Some(s("why"))).with_resource_type(2);
        let altered = altered.with_resource_name(s("demo"));
        let theirs = theirs::IncrementalAlterConfigsResponse::default().with_throttle_time_ms(1);
        let theirs = theirs.with_responses(vec![altered, Theirs::default().with_error_message(None)]);
        (
            ours::IncrementalAlterConfigsResponse { throttle_time_ms: 1, responses: altered_resources() },
            theirs,
        )
    };
    check(request, response);
}

#[test]
fn defaults_are_kafkas() {
    check_defaults::<ours::AlterConfigsRequest, theirs::AlterConfigsRequest, theirs::AlterConfigsResponse>();
    check_defaults::<
        ours::IncrementalAlterConfigsRequest,
        theirs::IncrementalAlterConfigsRequest,
        theirs::IncrementalAlterConfigsResponse,
    >();
    check_from(
        1,
        |_| (ours::DescribeConfigsRequest::default(), theirs::DescribeConfigsRequest::default()),
        |_| (ours::DescribeConfigsResponse::default(), theirs::DescribeConfigsResponse::default()),
    );
}
