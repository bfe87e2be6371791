use serde_json::json;

use super::*;

fn lab() -> DynamoDb {
    let lab = DynamoDb::default();
    lab.create("t", "pk", Some("sk"));
    lab
}

fn call(lab: &DynamoDb, operation: &str, mut input: Value) -> Result<Value, ApiError> {
    if let Some(object) = input.as_object_mut() {
        object.entry("TableName").or_insert("t".into());
    }
    let call = Call {
        service: "dynamodb".to_owned(),
        operation: operation.to_owned(),
        input,
        caller: String::new(),
        attempt: 1,
        region: String::new(),
        invocation: String::new(),
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    match lab.answer(&call)? {
        Reply::Json(value) => Ok(value),
        Reply::Xml(xml) => panic!("{xml}"),
    }
}

fn item(pk: &str, sk: &str, version: u32) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": sk }, "version": { "N": version.to_string() } })
}

fn key(pk: &str, sk: &str) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": sk } })
}

/// One line a case: the condition, and whether it holds for the item of this test.
#[test]
fn conditions_hold_for_what_they_say() {
    let names = json!({ "#s": "status", "#m": "map" });
    let values = json!({
        ":1": { "N": "1" }, ":2": { "N": "2" }, ":3": { "N": "3" }, ":d": { "N": "2.0" }, ":text": { "S": "1" },
        ":run": { "S": "RUN" }, ":full": { "S": "RUNNING" }, ":b": { "S": "b" }, ":n": { "S": "N" }, ":off": { "BOOL": false },
    });
    let stored: Item = serde_json::from_value(json!({
        "pk": { "S": "p" }, "version": { "N": "2" }, "status": { "S": "RUNNING" }, "tags": { "SS": ["a", "b"] },
        "map": { "M": { "inner": { "L": [{ "N": "1" }, { "S": "b" }] } } }, "off": { "BOOL": false },
    }))
    .unwrap();
    for (expression, expected) in [
        ("attribute_exists(pk)", true),
        ("attribute_not_exists(pk)", false),
        ("attribute_not_exists(absent)", true),
        ("version = :2", true),
        ("version = :1", false),
        ("version = :d", true),
        ("version <> :1", true),
        ("version <> :2", false),
        ("absent <> :1", true),
        ("absent = :1", false),
        ("version < :3 AND version > :1", true),
        ("version <= :2 AND version >= :2", true),
        ("absent < :3", false),
        ("version = :text", false),
        (":1 < version", true),
        ("version BETWEEN :1 AND :3", true),
        ("version BETWEEN :3 AND :1", false),
        ("version IN (:1, :2)", true),
        ("version IN (:1, :3)", false),
        ("#s = :full", true),
        ("begins_with(#s, :run)", true),
        ("begins_with(absent, :run)", false),
        ("begins_with(version, :run)", false),
        ("contains(tags, :b)", true),
        ("contains(tags, :n)", false),
        ("contains(#s, :n)", true),
        ("contains(#m.inner, :1)", true),
        ("attribute_type(version, :n)", true),
        ("attribute_type(pk, :n)", false),
        ("size(tags) = :2", true),
        ("#m.inner[0] = :1", true),
        ("#m.inner[5] = :1", false),
        ("attribute_exists(#m.inner)", true),
        ("off = :off", true),
        ("NOT version = :1", true),
        ("NOT (version = :2 OR version = :1)", false),
        ("version = :1 OR version = :2 AND #s = :full", true),
        ("(version = :2 OR version = :1) AND #s = :run", false),
        ("version = :2 OR version = :1 AND #s = :run", true),
        ("attribute_not_exists(pk) or VERSION = :2", false),
    ] {
        let used = |map: &Value| -> Value {
            map.as_object()
                .unwrap()
                .iter()
                .filter(|(key, _)| expression.contains(*key))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Item>()
                .into()
        };
        let input = json!({ "ExpressionAttributeNames": used(&names), "ExpressionAttributeValues": used(&values) });
        let placeholders = placeholders::Placeholders::of(&input).unwrap();
        let condition = condition::Condition::new(expression, &placeholders).unwrap();
        placeholders.all_used().unwrap_or_else(|error| panic!("{expression}: {}", error.message));
        assert_eq!(condition.holds(&stored), expected, "{expression}");
    }
}

#[test]
fn a_second_writer_of_the_same_version_is_refused_and_shown_the_item() {
    let lab = lab();
    let create = |version| json!({ "Item": item("a", "ROLLOUT", version), "ConditionExpression": "attribute_not_exists(pk)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD" });
    call(&lab, "PutItem", create(1)).unwrap();
    let error = call(&lab, "PutItem", create(2)).unwrap_err();
    assert_eq!(
        (error.code.as_str(), &error.extra["Item"]),
        ("ConditionalCheckFailedException", &item("a", "ROLLOUT", 1))
    );
    let replace = json!({
        "Item": item("a", "ROLLOUT", 2), "ConditionExpression": "#v = :v",
        "ExpressionAttributeNames": { "#v": "version" }, "ExpressionAttributeValues": { ":v": { "N": "1" } },
    });
    call(&lab, "PutItem", replace.clone()).unwrap();
    let error = call(&lab, "PutItem", replace).unwrap_err();
    assert_eq!((error.code.as_str(), error.extra), ("ConditionalCheckFailedException", Value::Null));
    assert_eq!(call(&lab, "GetItem", json!({ "Key": key("a", "ROLLOUT") })).unwrap()["Item"], item("a", "ROLLOUT", 2));
}

#[test]
fn a_query_gives_one_partition_in_order_and_in_pages() {
    let lab = lab();
    for sk in ["H#3", "H#1", "META", "H#2"] {
        call(&lab, "PutItem", json!({ "Item": item("run", sk, 1) })).unwrap();
    }
    call(&lab, "PutItem", json!({ "Item": item("other", "H#9", 1) })).unwrap();
    let query = |more: Value| {
        let mut input = json!({
            "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
            "ExpressionAttributeValues": { ":p": { "S": "run" }, ":s": { "S": "H#" } },
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(&lab, "Query", input).unwrap()
    };
    let keys = |page: &Value| -> Vec<String> {
        page["Items"].as_array().unwrap().iter().map(|item| item["sk"]["S"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&query(json!({}))), ["H#1", "H#2", "H#3"]);
    assert_eq!(keys(&query(json!({ "ScanIndexForward": false, "Limit": 1 }))), ["H#3"]);
    let first = query(json!({ "Limit": 2 }));
    assert_eq!(first["LastEvaluatedKey"], key("run", "H#2"));
    let second = query(json!({ "Limit": 2, "ExclusiveStartKey": first["LastEvaluatedKey"] }));
    assert_eq!((keys(&second), second.get("LastEvaluatedKey")), (vec!["H#3".to_owned()], None));
}

#[test]
fn a_query_for_an_empty_key_is_refused() {
    for condition in [
        "pk = :empty",
        "pk = :p AND sk = :empty",
        "pk = :p AND begins_with(sk, :empty)",
        "pk = :p AND sk BETWEEN :empty AND :p",
    ] {
        let values = json!({ ":p": { "S": "run" }, ":empty": { "S": "" } });
        let values = if condition.contains(":p") { values } else { json!({ ":empty": { "S": "" } }) };
        let input = json!({ "KeyConditionExpression": condition, "ExpressionAttributeValues": values });
        let refused = call(&lab(), "Query", input).unwrap_err();
        assert!(refused.message.contains("cannot contain an empty string value"), "{condition}: {}", refused.message);
    }
}

#[test]
fn an_update_sets_adds_and_removes_in_one_go() {
    let lab = lab();
    let values = json!({ ":one": { "N": "1" }, ":zero": { "N": "0" }, ":tag": { "SS": ["x"] }, ":more": { "L": [{ "S": "m" }] }, ":list": { "L": [] } });
    let input = json!({
        "Key": key("a", "b"),
        "UpdateExpression": "SET #c = if_not_exists(#c, :zero) + :one, log = list_append(if_not_exists(log, :list), :more) REMOVE gone ADD tags :tag",
        "ExpressionAttributeNames": { "#c": "count" }, "ExpressionAttributeValues": values, "ReturnValues": "ALL_NEW",
    });
    call(&lab, "UpdateItem", input.clone()).unwrap();
    let after = call(&lab, "UpdateItem", input).unwrap();
    let expected = json!({
        "pk": { "S": "a" }, "sk": { "S": "b" }, "count": { "N": "2" }, "tags": { "SS": ["x"] },
        "log": { "L": [{ "S": "m" }, { "S": "m" }] },
    });
    assert_eq!(after["Attributes"], expected);
    let delete = json!({ "Key": key("a", "b"), "UpdateExpression": "DELETE tags :tag", "ExpressionAttributeValues": { ":tag": { "SS": ["x"] } }, "ReturnValues": "UPDATED_NEW" });
    assert_eq!(call(&lab, "UpdateItem", delete).unwrap()["Attributes"], json!({}));
}

#[test]
fn a_transaction_does_all_or_nothing_and_gives_a_reason_for_each_item() {
    let lab = lab();
    call(&lab, "PutItem", json!({ "Item": item("b", "x", 1) })).unwrap();
    let put = |pk: &str| json!({ "Put": { "TableName": "t", "Item": item(pk, "x", 2), "ConditionExpression": "attribute_not_exists(pk)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD" } });
    let error =
        call(&lab, "TransactWriteItems", json!({ "TransactItems": [put("a"), put("b"), put("c")] })).unwrap_err();
    assert_eq!(error.code, "TransactionCanceledException");
    assert!(error.message.ends_with("[None, ConditionalCheckFailed, None]"), "{}", error.message);
    let reasons = error.extra["CancellationReasons"].as_array().unwrap();
    assert_eq!((reasons.len(), &reasons[1]["Item"]), (3, &item("b", "x", 1)));
    assert_eq!(lab.items("t").len(), 1);
    let check = json!({ "ConditionCheck": { "TableName": "t", "Key": key("b", "x"), "ConditionExpression": "attribute_exists(pk)" } });
    call(&lab, "TransactWriteItems", json!({ "TransactItems": [put("a"), check, put("c")] })).unwrap();
    assert_eq!(lab.items("t").len(), 3);
}

#[test]
fn several_items_are_read_at_once_and_absent_ones_left_out() {
    let lab = lab();
    call(&lab, "PutItem", json!({ "Item": item("a", "x", 1) })).unwrap();
    let keys = json!([key("a", "x"), key("b", "x")]);
    let found = call(&lab, "BatchGetItem", json!({ "RequestItems": { "t": { "Keys": keys } } })).unwrap();
    assert_eq!(found, json!({ "Responses": { "t": [item("a", "x", 1)] }, "UnprocessedKeys": {} }));
    let twice = json!([key("a", "x"), key("a", "x")]);
    assert!(call(&lab, "BatchGetItem", json!({ "RequestItems": { "t": { "Keys": twice } } })).is_err());
}

#[test]
fn a_delete_gives_back_what_was_there() {
    let lab = lab();
    call(&lab, "PutItem", json!({ "Item": item("a", "x", 1) })).unwrap();
    let delete = json!({ "Key": key("a", "x"), "ReturnValues": "ALL_OLD" });
    assert_eq!(call(&lab, "DeleteItem", delete.clone()).unwrap()["Attributes"], item("a", "x", 1));
    assert_eq!(call(&lab, "DeleteItem", delete).unwrap(), json!({}));
}

#[test]
fn mistakes_are_refused_as_on_aws() {
    let lab = lab();
    let conditional = |expression: &str, names: Value, values: Value| json!({ "Item": item("a", "x", 1), "ConditionExpression": expression, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values });
    for (operation, input, code, part) in [
        ("GetItem", json!({ "TableName": "none", "Key": key("a", "x") }), "ResourceNotFoundException", "not found"),
        ("GetItem", json!({ "Key": { "pk": { "S": "a" } } }), "ValidationException", "does not match the schema"),
        ("PutItem", json!({ "Item": { "pk": { "S": "a" } } }), "ValidationException", "Missing the key sk"),
        ("PutItem", json!({ "Item": key("a", "") }), "ValidationException", "empty string"),
        (
            "PutItem",
            json!({ "Item": { "pk": { "N": "1" }, "sk": { "S": "x" } } }),
            "ValidationException",
            "Type mismatch",
        ),
        (
            "PutItem",
            json!({ "Item": { "pk": { "S": "a" }, "sk": { "S": "x" }, "n": { "N": "one" } } }),
            "ValidationException",
            "converted into a number",
        ),
        (
            "PutItem",
            json!({ "Item": { "pk": { "S": "a" }, "sk": { "S": "x" }, "n": { "SS": [] } } }),
            "ValidationException",
            "AttributeValue",
        ),
        (
            "PutItem",
            conditional("status = :v", json!({}), json!({ ":v": { "S": "x" } })),
            "ValidationException",
            "reserved keyword: status",
        ),
        (
            "PutItem",
            conditional("#x = :v", json!({}), json!({ ":v": { "S": "x" } })),
            "ValidationException",
            "attribute name: #x",
        ),
        (
            "PutItem",
            conditional("pk = :w", json!({}), json!({ ":v": { "S": "x" } })),
            "ValidationException",
            "attribute value: :w",
        ),
        (
            "PutItem",
            conditional("attribute_exists(pk)", json!({}), json!({ ":v": { "S": "x" } })),
            "ValidationException",
            "unused in expressions: keys: {:v}",
        ),
        (
            "PutItem",
            conditional("attribute_exist(pk)", json!({}), json!({})),
            "ValidationException",
            "Invalid function name",
        ),
        ("PutItem", conditional("attribute_exists(pk", json!({}), json!({})), "ValidationException", "Syntax error"),
        ("PutItem", conditional("pk = ", json!({}), json!({})), "ValidationException", "Syntax error"),
        ("PutItem", conditional("pk ! sk", json!({}), json!({})), "ValidationException", "Syntax error"),
        (
            "UpdateItem",
            json!({ "Key": key("a", "x"), "UpdateExpression": "SET pk = sk" }),
            "ValidationException",
            "part of the key",
        ),
        (
            "UpdateItem",
            json!({ "Key": key("a", "x"), "UpdateExpression": "SET y = nothing" }),
            "ValidationException",
            "does not exist in the item",
        ),
        (
            "Query",
            json!({ "KeyConditionExpression": "sk = :s", "ExpressionAttributeValues": { ":s": { "S": "x" } } }),
            "ValidationException",
            "missed key schema element: pk",
        ),
        ("TransactWriteItems", json!({ "TransactItems": [] }), "ValidationException", "between 1 and 100"),
        ("ExecuteStatement", json!({}), "UnknownOperationException", "ExecuteStatement"),
    ] {
        let error = call(&lab, operation, input).unwrap_err();
        assert_eq!(error.code, code, "{operation}: {}", error.message);
        assert!(error.message.contains(part), "{operation}: {}", error.message);
    }
    assert!(lab.items("t").is_empty());
}

#[test]
fn a_table_is_created_once_and_described() {
    let lab = DynamoDb::default();
    let create = json!({
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }], "BillingMode": "PAY_PER_REQUEST",
    });
    call(&lab, "CreateTable", create.clone()).unwrap();
    assert_eq!(call(&lab, "CreateTable", create).unwrap_err().code, "ResourceInUseException");
    assert_eq!(call(&lab, "DescribeTable", json!({})).unwrap()["Table"]["TableStatus"], "ACTIVE");
}
