//! The REST JSON protocol: the method and the path say which operation is meant, and carry a part of its input.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value};

use crate::wire::ApiError;

/// An operation with its place: the service that it is signed for, the method, the path, and the query parameters that
/// are called otherwise than the members that they stand for.
struct Route {
    service: &'static str,
    operation: &'static str,
    method: Method,
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
}

const fn route(
    operation: &'static str,
    method: Method,
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
) -> Route {
    Route { service: "scheduler", operation, method, path, query }
}

const IN_GROUP: &[(&str, &str)] = &[("groupName", "GroupName"), ("clientToken", "ClientToken")];

static ROUTES: [Route; 4] = [
    route("CreateSchedule", Method::POST, "/schedules/{Name}", &[]),
    route("GetSchedule", Method::GET, "/schedules/{Name}", IN_GROUP),
    route("DeleteSchedule", Method::DELETE, "/schedules/{Name}", IN_GROUP),
    route("ListSchedules", Method::GET, "/schedules", &[("ScheduleGroup", "GroupName")]),
];

/// Services that speak this protocol, as requests are signed for them.
pub(crate) fn speaks(service: &str) -> bool {
    ROUTES.iter().any(|route| route.service == service)
}

/// The operation that a request means, and its input: members of the path and the query, and the body.
pub(crate) fn read(service: &str, request: &Request<Bytes>) -> Result<(&'static str, Value), ApiError> {
    let path = request.uri().path();
    let mut routes = ROUTES.iter().filter(|route| route.service == service && route.method == *request.method());
    let found = routes.find_map(|route| Some((route, members(route.path, path)?)));
    let Some((route, mut input)) = found else {
        let message = format!("{service} has no operation {} {path}", request.method());
        return Err(ApiError { status: 404, ..ApiError::client("UnknownOperationException", message) });
    };
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        let member = route.query.iter().find(|(known, _)| *known == name).map_or(&*name, |(_, member)| member);
        input.insert(member.to_owned(), value.into_owned().into());
    }
    if !request.body().is_empty() {
        match serde_json::from_slice(request.body()) {
            Ok(Value::Object(body)) => input.extend(body),
            _ => return Err(ApiError::client("SerializationException", "The body is no JSON object")),
        }
    }
    Ok((route.operation, Value::Object(input)))
}

/// The members in a path, if it is one of this pattern.
fn members(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let (mut steps, mut members) = (path.split('/'), Map::new());
    for expected in pattern.split('/') {
        let step = steps.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !step.is_empty() => {
                members.insert(name.to_owned(), decoded(step).into());
            }
            None if step == expected => {}
            _ => return None,
        }
    }
    steps.next().is_none().then_some(members)
}

/// A step of a path without its escapes. A form has the same, but for the plus sign.
fn decoded(step: &str) -> String {
    let pair = format!("_={}", step.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(method: Method, uri: &str, body: &'static str) -> Result<(&'static str, Value), String> {
        let request = Request::builder().method(method).uri(uri).body(Bytes::from_static(body.as_bytes())).unwrap();
        read("scheduler", &request).map_err(|error| error.code)
    }

    #[test]
    fn path_query_and_body_are_one_input() {
        let created = asked(Method::POST, "/schedules/verify-1%2B", r#"{"GroupName":"g"}"#);
        assert_eq!(created, Ok(("CreateSchedule", json!({ "Name": "verify-1+", "GroupName": "g" }))));
        let got = asked(Method::GET, "/schedules/a?groupName=g", "");
        assert_eq!(got, Ok(("GetSchedule", json!({ "Name": "a", "GroupName": "g" }))));
        let deleted = asked(Method::DELETE, "/schedules/a?clientToken=t", "");
        assert_eq!(deleted, Ok(("DeleteSchedule", json!({ "Name": "a", "ClientToken": "t" }))));
        let listed = asked(Method::GET, "/schedules?ScheduleGroup=g&NamePrefix=v", "");
        assert_eq!(listed, Ok(("ListSchedules", json!({ "GroupName": "g", "NamePrefix": "v" }))));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_no_operation() {
        for uri in ["/", "/schedules/", "/schedules/a/b", "/schedule-groups"] {
            assert_eq!(asked(Method::GET, uri, ""), Err("UnknownOperationException".to_owned()), "{uri}");
        }
        assert_eq!(asked(Method::PATCH, "/schedules/a", ""), Err("UnknownOperationException".to_owned()));
        assert_eq!(asked(Method::POST, "/schedules/a", "[]"), Err("SerializationException".to_owned()));
    }
}
