use super::*;

fn call(sqs: &Sqs, seconds: i64, operation: &str, input: Value) -> Result<Value, String> {
    let at = Timestamp::from_second(1_800_000_000 + seconds).unwrap();
    let call = Call {
        service: "sqs".to_owned(),
        operation: operation.to_owned(),
        input,
        caller: String::new(),
        attempt: 1,
        region: String::new(),
        invocation: String::new(),
        at,
    };
    match sqs.answer(&call) {
        Ok(Reply::Json(value)) => Ok(value),
        Ok(Reply::Xml(xml)) => panic!("{xml}"),
        Err(error) => Err(error.code),
    }
}

fn lab() -> (Sqs, String) {
    let sqs = Sqs(Queues::default());
    let dead = json!({ "QueueName": "dead.fifo", "Attributes": { "FifoQueue": "true" } });
    call(&sqs, 0, "CreateQueue", dead).unwrap();
    let policy = json!({ "deadLetterTargetArn": queues::arn("dead.fifo"), "maxReceiveCount": "1" }).to_string();
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "10", "RedrivePolicy": policy });
    let made = call(&sqs, 0, "CreateQueue", json!({ "QueueName": "work.fifo", "Attributes": attributes })).unwrap();
    (sqs, made["QueueUrl"].as_str().unwrap().to_owned())
}

#[test]
fn a_message_goes_through_send_receive_and_delete() {
    let (sqs, url) = lab();
    let sent = call(&sqs, 0, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "hello", "MessageGroupId": "g" }))
        .unwrap();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let received = call(&sqs, 1, "ReceiveMessage", json!({ "QueueUrl": url, "AttributeNames": ["All"] })).unwrap();
    let message = &received["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!("hello"), &sent["MessageId"]));
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(message["Attributes"]["MessageGroupId"], "g");
    let receipt = &message["ReceiptHandle"];
    call(&sqs, 2, "DeleteMessage", json!({ "QueueUrl": url, "ReceiptHandle": receipt })).unwrap();
    assert_eq!(call(&sqs, 60, "ReceiveMessage", json!({ "QueueUrl": url })).unwrap(), json!({}));
}

#[test]
fn a_message_that_was_given_up_can_be_moved_back_to_its_queue() {
    let (sqs, url) = lab();
    call(&sqs, 0, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g" })).unwrap();
    call(&sqs, 0, "ReceiveMessage", json!({ "QueueUrl": url })).unwrap();
    assert_eq!(call(&sqs, 10, "ReceiveMessage", json!({ "QueueUrl": url })).unwrap(), json!({}));
    let count = |queue: &str| {
        let input = json!({ "QueueUrl": queues::url(queue), "AttributeNames": ["ApproximateNumberOfMessages"] });
        call(&sqs, 20, "GetQueueAttributes", input).unwrap()["Attributes"]["ApproximateNumberOfMessages"].clone()
    };
    assert_eq!((count("work.fifo"), count("dead.fifo")), (json!("0"), json!("1")));
    call(&sqs, 20, "StartMessageMoveTask", json!({ "SourceArn": queues::arn("dead.fifo") })).unwrap();
    assert_eq!((count("work.fifo"), count("dead.fifo")), (json!("1"), json!("0")));
}

#[test]
fn mistakes_are_answered_with_the_codes_of_sqs() {
    let (sqs, url) = lab();
    for (operation, input, code) in [
        ("SendMessage", json!({ "QueueUrl": queues::url("none"), "MessageBody": "x" }), "QueueDoesNotExist"),
        ("SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" }), "MissingParameter"),
        ("SendMessage", json!({ "QueueUrl": url }), "MissingParameter"),
        (
            "SendMessage",
            json!({ "QueueUrl": queues::url("dead.fifo"), "MessageBody": "x", "MessageGroupId": "g" }),
            "InvalidParameterValue",
        ),
        ("ReceiveMessage", json!({ "QueueUrl": url, "MaxNumberOfMessages": 11 }), "InvalidParameterValue"),
        (
            "ChangeMessageVisibility",
            json!({ "QueueUrl": url, "ReceiptHandle": "?", "VisibilityTimeout": 0 }),
            "MessageNotInflight",
        ),
        ("CreateQueue", json!({ "QueueName": "a.fifo" }), "InvalidParameterValue"),
        ("StartMessageMoveTask", json!({ "SourceArn": queues::arn("work.fifo") }), "ResourceNotFoundException"),
        ("TagQueue", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(call(&sqs, 0, operation, input).unwrap_err(), code, "{operation}");
    }
}
