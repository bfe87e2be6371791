use super::*;

const GROUP: &str = "/shop/api";
const STREAM: &str = "app/api/0123456789abcdef0123456789abcdef";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn call(operation: &str, input: Value, seconds: i64) -> Call {
    Call {
        service: "logs".to_owned(),
        operation: operation.to_owned(),
        input,
        caller: String::new(),
        attempt: 1,
        region: String::new(),
        invocation: String::new(),
        at: at(seconds),
    }
}

fn ask(logs: &Logs, operation: &str, input: &Value) -> Result<Value, String> {
    match logs.answer(&call(operation, input.clone(), 100)) {
        Ok(Reply::Json(value)) => Ok(value),
        Ok(Reply::Xml(xml)) => panic!("{xml}"),
        Err(error) => Err(error.code),
    }
}

fn read(logs: &Logs, more: &Value) -> Value {
    let mut input = json!({ "logGroupName": GROUP, "logStreamName": STREAM });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask(logs, "GetLogEvents", &input).unwrap()
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn five_lines() -> Logs {
    let logs = Logs::default();
    for second in 0..5 {
        logs.write(GROUP, STREAM, at(second), &format!("line {second}"));
    }
    logs
}

#[test]
fn the_newest_lines_come_first_and_each_page_is_in_the_order_of_time() {
    let logs = five_lines();
    let newest = read(&logs, &json!({ "limit": 2 }));
    assert_eq!(messages(&newest), ["line 3", "line 4"]);
    assert_eq!(newest["events"][0]["timestamp"], at(3).as_millisecond());
    let older = read(&logs, &json!({ "limit": 2, "nextToken": newest["nextBackwardToken"] }));
    assert_eq!(messages(&older), ["line 1", "line 2"]);
    let head = read(&logs, &json!({ "limit": 2, "startFromHead": true }));
    assert_eq!(messages(&head), ["line 0", "line 1"]);
    let next = read(&logs, &json!({ "limit": 2, "startFromHead": true, "nextToken": head["nextForwardToken"] }));
    assert_eq!(messages(&next), ["line 2", "line 3"]);
}

#[test]
fn at_the_end_of_a_stream_the_token_stays_and_the_page_is_empty() {
    let logs = five_lines();
    let newest = read(&logs, &json!({}));
    let token = &newest["nextForwardToken"];
    let end = read(&logs, &json!({ "nextToken": token, "startFromHead": true }));
    assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, token));
    let token = &newest["nextBackwardToken"];
    let beginning = read(&logs, &json!({ "nextToken": token }));
    assert_eq!((messages(&beginning).len(), &beginning["nextBackwardToken"]), (0, token));
    assert!(token.as_str().unwrap().starts_with("b/"));
    logs.write(GROUP, STREAM, at(9), "line 5");
    assert_eq!(messages(&read(&logs, &json!({ "nextToken": newest["nextForwardToken"] }))), ["line 5"]);
}

#[test]
fn times_cut_a_stream_with_the_end_left_out() {
    let input = json!({ "startTime": at(1).as_millisecond(), "endTime": at(3).as_millisecond() });
    assert_eq!(messages(&read(&five_lines(), &input)), ["line 1", "line 2"]);
}

#[test]
fn a_line_can_be_read_only_after_the_lag() {
    let logs = five_lines();
    logs.lag(SignedDuration::from_secs(10));
    logs.write(GROUP, STREAM, at(95), "late");
    let seen_at = |seconds| {
        let input = json!({ "logGroupName": GROUP, "logStreamName": STREAM });
        match logs.answer(&call("GetLogEvents", input, seconds)).unwrap() {
            Reply::Json(answer) => messages(&answer).contains(&"late"),
            Reply::Xml(xml) => panic!("{xml}"),
        }
    };
    assert!(!seen_at(104));
    assert!(seen_at(105));
}

#[test]
fn a_group_is_found_by_its_name_and_by_its_arn_and_not_by_both() {
    let logs = five_lines();
    let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/shop/api";
    for identifier in [GROUP.to_owned(), arn.to_owned(), format!("{arn}:*")] {
        let input = json!({ "logGroupIdentifier": identifier, "logStreamName": STREAM });
        assert_eq!(messages(&ask(&logs, "GetLogEvents", &input).unwrap()).len(), 5, "{identifier}");
    }
    let both = json!({ "logGroupName": GROUP, "logGroupIdentifier": arn, "logStreamName": STREAM });
    assert_eq!(ask(&logs, "GetLogEvents", &both).unwrap_err(), "InvalidParameterException");
}

#[test]
fn what_is_not_there_or_not_valid_is_refused_with_the_code_of_aws() {
    let logs = five_lines();
    logs.create_group("/empty");
    for (input, code) in [
        (json!({ "logGroupName": "/none", "logStreamName": STREAM }), "ResourceNotFoundException"),
        (json!({ "logGroupName": "/empty", "logStreamName": STREAM }), "ResourceNotFoundException"),
        (json!({ "logGroupName": GROUP, "logStreamName": STREAM, "limit": 0 }), "InvalidParameterException"),
        (json!({ "logGroupName": GROUP, "logStreamName": STREAM, "limit": 10_001 }), "InvalidParameterException"),
        (json!({ "logGroupName": GROUP, "logStreamName": STREAM, "nextToken": "x/1/s" }), "InvalidParameterException"),
        (json!({ "logGroupName": GROUP }), "InvalidParameterException"),
    ] {
        assert_eq!(ask(&logs, "GetLogEvents", &input).unwrap_err(), code, "{input}");
    }
    assert_eq!(ask(&logs, "PutLogEvents", &json!({})).unwrap_err(), "UnknownOperationException");
}

#[test]
fn streams_are_listed_by_name_by_prefix_and_by_their_last_line() {
    let logs = five_lines();
    logs.write(GROUP, "app/proxy/1", at(2), "x");
    logs.write(GROUP, "zzz", at(1), "x");
    let names = |more: Value| -> Vec<String> {
        let mut input = json!({ "logGroupName": GROUP });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = ask(&logs, "DescribeLogStreams", &input).unwrap();
        let streams = answer["logStreams"].as_array().unwrap().iter();
        streams.map(|stream| stream["logStreamName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({})), [STREAM, "app/proxy/1", "zzz"]);
    assert_eq!(names(json!({ "logStreamNamePrefix": "app/proxy" })), ["app/proxy/1"]);
    let newest = json!({ "orderBy": "LastEventTime", "descending": true, "limit": 2 });
    assert_eq!(names(newest), [STREAM, "app/proxy/1"]);
    let both = json!({ "logGroupName": GROUP, "orderBy": "LastEventTime", "logStreamNamePrefix": "a" });
    assert_eq!(ask(&logs, "DescribeLogStreams", &both).unwrap_err(), "InvalidParameterException");
}
