//! Between HTTP and [`Call`]: decodes requests of the AWS JSON, REST JSON and AWS Query protocols, encodes answers.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::context::REGION;
use crate::wire::{ApiError, Call, Outcome, Reply};

/// `X-Amz-Target` prefixes and the lab's name of the service behind each.
const TARGETS: &[(&str, &str)] = &[
    ("AmazonEC2ContainerServiceV20141113", "ecs"),
    ("AmazonEC2ContainerRegistry_V20150921", "ecr"),
    ("ResourceGroupsTaggingAPI_20170126", "tagging"),
    ("DynamoDB_20120810", "dynamodb"),
    ("AmazonSQS", "sqs"),
    ("AWSEvents", "events"),
    ("Logs_20140328", "logs"),
    ("TrentService", "kms"),
];

/// The protocols in which the lab answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON; answers carry the request's content type (1.0 or 1.1).
    Json(String),
    /// REST JSON: the path says what is called. Its errors call their message `Message`.
    Rest,
    /// AWS Query: a form in, XML out.
    Query,
}

/// Reads `request`, which arrives at `at`. The error is what AWS would answer to it.
pub(crate) fn decode(request: &Request<Bytes>, at: Timestamp) -> (Protocol, Result<Call, ApiError>) {
    let headers = request.headers();
    match header(headers, "x-amz-target") {
        Some(target) => {
            let content = header(headers, "content-type").unwrap_or("application/x-amz-json-1.1");
            (Protocol::Json(content.to_owned()), decode_json(target, request, at))
        }
        None => match Scope::of(headers).service.filter(|service| crate::rest::speaks(service)) {
            Some(service) => {
                let read = crate::rest::read(service, request);
                (Protocol::Rest, read.map(|(operation, input)| call(request, service, operation, input, at)))
            }
            None => (Protocol::Query, decode_query(request, at)),
        },
    }
}

fn decode_json(target: &str, request: &Request<Bytes>, at: Timestamp) -> Result<Call, ApiError> {
    let unknown = || ApiError::client("UnknownOperationException", format!("Unknown target {target}"));
    let (prefix, operation) = target.rsplit_once('.').ok_or_else(unknown)?;
    let (_, service) = TARGETS.iter().find(|(known, _)| *known == prefix).ok_or_else(unknown)?;
    let body = request.body();
    let input = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) };
    match input {
        Ok(input @ Value::Object(_)) => Ok(call(request, service, operation, input, at)),
        Ok(_) => Err(ApiError::client("SerializationException", "Start of structure or map expected")),
        Err(error) => Err(ApiError::client("SerializationException", error.to_string())),
    }
}

fn decode_query(request: &Request<Bytes>, at: Timestamp) -> Result<Call, ApiError> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let input: Map<String, Value> = form_urlencoded::parse(query)
        .chain(form_urlencoded::parse(request.body()))
        .map(|(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(operation) = text("Action") else {
        return Err(ApiError::client("MissingAction", "The request has neither X-Amz-Target nor Action"));
    };
    let service = match Scope::of(request.headers()).service {
        Some(signed_for) => signed_for.to_owned(),
        None => match text("Version").as_deref() {
            Some("2010-03-31") => "sns".to_owned(),
            Some("2011-06-15") => "sts".to_owned(),
            Some("2014-10-31") => "rds".to_owned(),
            _ => return Err(ApiError::client("InvalidAction", format!("No service has the action {operation}"))),
        },
    };
    Ok(call(request, &service, &operation, Value::Object(input), at))
}

fn call(request: &Request<Bytes>, service: &str, operation: &str, input: Value, at: Timestamp) -> Call {
    let headers = request.headers();
    let scope = Scope::of(headers);
    let attempt = header(headers, "amz-sdk-request")
        .and_then(|text| text.split(';').find_map(|part| part.trim().strip_prefix("attempt=")))
        .and_then(|attempt| attempt.parse().ok());
    Call {
        service: service.to_owned(),
        region: scope.region.or_else(|| region_of_host(request)).unwrap_or(REGION).to_owned(),
        operation: operation.to_owned(),
        input,
        caller: scope.key.unwrap_or_default().to_owned(),
        attempt: attempt.unwrap_or(1),
        invocation: header(headers, "amz-sdk-invocation-id").unwrap_or_default().to_owned(),
        at,
    }
}

/// What the signature's credential scope says (`Credential=KEY/DATE/REGION/SERVICE/aws4_request`).
struct Scope<'a> {
    key: Option<&'a str>,
    region: Option<&'a str>,
    service: Option<&'a str>,
}

impl<'a> Scope<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let credential = header(headers, "authorization").and_then(|text| text.split("Credential=").nth(1));
        let mut parts = credential.unwrap_or_default().split('/');
        let mut part = |place| parts.nth(place).filter(|part| !part.is_empty());
        Self { key: part(0), region: part(1), service: part(0) }
    }
}

/// The region in a host name such as `rds.eu-central-1.amazonaws.com`.
fn region_of_host(request: &Request<Bytes>) -> Option<&str> {
    let host = request.uri().host().or_else(|| header(request.headers(), "host"))?;
    let (_, region) = host.strip_suffix(".amazonaws.com")?.split_once('.')?;
    (region.split('-').count() >= 3).then_some(region)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Writes an answer of `protocol`, with the headers that SDKs read.
pub(crate) fn encode(protocol: &Protocol, outcome: Outcome, request_id: &str, now: Timestamp) -> Response<Bytes> {
    let code = outcome.as_ref().err().map(|error| error.code.clone());
    let (status, body) = match (outcome, protocol) {
        (Ok(Reply::Json(body)), _) => (200, without_nulls(body).to_string()),
        (Ok(Reply::Xml(body)), _) => (200, body),
        (Err(error), Protocol::Json(_)) => (error.status, json_error(&error, "message")),
        (Err(error), Protocol::Rest) => (error.status, json_error(&error, "Message")),
        (Err(error), Protocol::Query) => (error.status, query_error(&error, request_id)),
    };
    let content = match protocol {
        Protocol::Json(content) => content,
        Protocol::Rest => "application/json",
        Protocol::Query => "text/xml",
    };
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
    let mut builder = Response::builder()
        .status(status)
        .header("content-type", content)
        .header("x-amzn-requestid", request_id)
        .header("date", date);
    if let Some(code) = code {
        // SQS came from the Query protocol, and clients still look for the code that it had there.
        if code == "QueueDoesNotExist" {
            builder = builder.header("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender");
        }
        builder = builder.header("x-amzn-errortype", code);
    }
    builder.body(Bytes::from(body)).unwrap_or_default()
}

/// Members that have no value are left out, as AWS leaves them out: a `nextToken` of the last page.
fn without_nulls(mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.retain(|_, value| !value.is_null());
    }
    body
}

fn json_error(error: &ApiError, message: &str) -> String {
    let mut body = json!({"__type": error.code, message: error.message});
    if let (Value::Object(body), Value::Object(extra)) = (&mut body, &error.extra) {
        body.extend(extra.clone());
    }
    body.to_string()
}

fn query_error(error: &ApiError, request_id: &str) -> String {
    let side = if error.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(&error.code),
        escape(&error.message)
    )
}

/// `text` as XML character data.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_request(target: &str, body: &'static str) -> Request<Bytes> {
        Request::builder()
            .header("x-amz-target", target)
            .header("amz-sdk-request", "attempt=2; max=3")
            .header("amz-sdk-invocation-id", "one-call")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIDDEPLOY/20260101/eu-west-1/ecs/aws4_request, ...")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
    }

    #[track_caller]
    fn check_refused(request: &Request<Bytes>, code: &str) {
        assert_eq!(decode(request, Timestamp::UNIX_EPOCH).1.unwrap_err().code, code);
    }

    #[test]
    fn a_json_request_names_service_operation_caller_and_attempt() {
        let request = json_request("AmazonEC2ContainerServiceV20141113.ListClusters", r#"{"maxResults":3}"#);
        let call = decode(&request, Timestamp::UNIX_EPOCH).1.unwrap();
        assert_eq!((call.service.as_str(), call.operation.as_str()), ("ecs", "ListClusters"));
        assert_eq!((call.caller.as_str(), call.attempt, call.invocation.as_str()), ("AKIDDEPLOY", 2, "one-call"));
        assert_eq!(call.input, json!({"maxResults": 3}));
    }

    #[test]
    fn a_query_request_is_a_flat_form_of_the_service_that_it_is_signed_for() {
        let request = Request::builder()
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/sns/aws4_request")
            .body(Bytes::from_static(b"Action=Publish&Version=2010-03-31&Message=a+b%26c"))
            .unwrap();
        let call = decode(&request, Timestamp::UNIX_EPOCH).1.unwrap();
        assert_eq!((call.service.as_str(), call.operation.as_str()), ("sns", "Publish"));
        assert_eq!(call.input["Message"], "a b&c");
    }

    #[test]
    fn a_rest_request_is_told_by_the_service_that_it_is_signed_for() {
        let request = Request::builder()
            .uri("/schedules/verify?groupName=steward")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/scheduler/aws4_request")
            .body(Bytes::new())
            .unwrap();
        let (protocol, call) = decode(&request, Timestamp::UNIX_EPOCH);
        let call = call.unwrap();
        assert_eq!((call.service.as_str(), call.operation.as_str()), ("scheduler", "GetSchedule"));
        assert_eq!(call.input, json!({ "Name": "verify", "GroupName": "steward" }));
        let answer = encode(&protocol, Err(ApiError::client("X", "why")), "id", Timestamp::UNIX_EPOCH);
        assert_eq!(*answer.body(), r#"{"__type":"X","Message":"why"}"#);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_code_of_aws() {
        check_refused(&json_request("NoSuchService.Do", "{}"), "UnknownOperationException");
        check_refused(&json_request("DynamoDB_20120810.GetItem", "{"), "SerializationException");
        check_refused(&json_request("DynamoDB_20120810.GetItem", "[]"), "SerializationException");
        check_refused(&Request::new(Bytes::new()), "MissingAction");
    }

    #[test]
    fn an_error_has_its_code_in_header_and_body() {
        let error = ApiError { extra: json!({"Item": 1}), ..ApiError::client("SomeException", "a < b") };
        let answer = encode(&Protocol::Json("x".into()), Err(error.clone()), "id", Timestamp::UNIX_EPOCH);
        assert_eq!(answer.headers()["x-amzn-errortype"], "SomeException");
        assert_eq!(answer.headers()["date"], "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(*answer.body(), r#"{"__type":"SomeException","message":"a < b","Item":1}"#);
        let answer = encode(&Protocol::Query, Err(error), "id", Timestamp::UNIX_EPOCH);
        assert!(String::from_utf8_lossy(answer.body()).contains("<Message>a &lt; b</Message>"));
    }
}
