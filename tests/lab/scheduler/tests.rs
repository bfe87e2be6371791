use std::collections::BTreeMap;

use super::*;

const TEMPLATE: &str = r"
Resources:
  Work: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }
  Checks: { Type: AWS::Scheduler::ScheduleGroup, Properties: { Name: checks } }
  Sweep:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(5 minutes)
      GroupName: !Ref Checks
      FlexibleTimeWindow: { Mode: 'OFF' }
      Target: { Arn: !GetAtt Work.Arn, Input: sweep }
";

fn at(seconds: i64) -> Timestamp {
    // 2027-01-15T08:00:00Z
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn scheduler() -> Scheduler {
    Scheduler::new(&Template::read(TEMPLATE, &BTreeMap::new()).unwrap(), at(0))
}

fn ask(scheduler: &Scheduler, operation: &str, input: &Value) -> Result<Value, (u16, String)> {
    let call = Call {
        service: "scheduler".to_owned(),
        operation: operation.to_owned(),
        input: input.clone(),
        caller: String::new(),
        attempt: 1,
        region: String::new(),
        invocation: String::new(),
        at: at(0),
    };
    match scheduler.answer(&call) {
        Ok(Reply::Json(value)) => Ok(value),
        Ok(Reply::Xml(xml)) => panic!("{xml}"),
        Err(error) => Err((error.status, error.code)),
    }
}

fn verify(changes: &Value) -> Value {
    let mut input = json!({
        "Name": "verify-1",
        "GroupName": "checks",
        "ScheduleExpression": "at(2027-01-15T08:02:00)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "ClientToken": "one",
        "Target": {
            "Arn": "arn:aws:sqs:eu-west-1:123456789012:steward-Work.fifo",
            "RoleArn": "arn:aws:iam::123456789012:role/steward-Role",
            "Input": "{\"time\":\"<aws.scheduler.scheduled-time>\"}",
            "SqsParameters": { "MessageGroupId": "heal" },
        },
    });
    input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    input
}

#[test]
fn a_one_time_schedule_fires_once_between_the_sweeps_and_is_gone() {
    let scheduler = scheduler();
    let created = ask(&scheduler, "CreateSchedule", &verify(&json!({}))).unwrap();
    assert_eq!(created["ScheduleArn"], "arn:aws:scheduler:eu-west-1:123456789012:schedule/checks/verify-1");
    assert_eq!(scheduler.next_due(), Some(at(120)));
    assert_eq!(scheduler.take_due(at(119)), None);
    let firing = scheduler.take_due(at(120)).unwrap();
    assert_eq!((firing.schedule.as_str(), firing.body.as_str()), ("verify-1", r#"{"time":"2027-01-15T08:02:00Z"}"#));
    assert_eq!(firing.target.group.as_deref(), Some("heal"));
    assert_eq!((scheduler.take_due(at(121)), scheduler.next_due()), (None, Some(at(300))));
    assert_eq!(scheduler.names("checks"), ["steward-Sweep"]);
}

#[test]
fn of_several_that_are_due_the_one_that_was_due_first_fires_first() {
    let scheduler = scheduler();
    ask(&scheduler, "CreateSchedule", &verify(&json!({ "ScheduleExpression": "at(2027-01-15T08:05:01)" }))).unwrap();
    let earlier = json!({ "Name": "verify-2", "ScheduleExpression": "at(2027-01-15T08:04:59)" });
    ask(&scheduler, "CreateSchedule", &verify(&earlier)).unwrap();
    let fired: Vec<String> = std::iter::from_fn(|| scheduler.take_due(at(400))).map(|firing| firing.schedule).collect();
    assert_eq!(fired, ["verify-2", "Sweep", "verify-1"]);
}

#[test]
fn a_schedule_that_is_to_be_kept_stays_and_never_fires_again() {
    let scheduler = scheduler();
    ask(&scheduler, "CreateSchedule", &verify(&json!({ "ActionAfterCompletion": "NONE" }))).unwrap();
    assert!(scheduler.take_due(at(120)).is_some());
    let described = ask(&scheduler, "GetSchedule", &json!({ "Name": "verify-1", "GroupName": "checks" })).unwrap();
    assert_eq!(described["State"], "ENABLED");
    assert_eq!(scheduler.next_due(), Some(at(300)));
}

#[test]
fn a_name_is_given_once_and_the_same_call_again_is_no_second_schedule() {
    let scheduler = scheduler();
    let first = ask(&scheduler, "CreateSchedule", &verify(&json!({}))).unwrap();
    assert_eq!(ask(&scheduler, "CreateSchedule", &verify(&json!({}))), Ok(first));
    let conflict = Err((409, "ConflictException".to_owned()));
    assert_eq!(ask(&scheduler, "CreateSchedule", &verify(&json!({ "ClientToken": "two" }))), conflict);
    assert_eq!(ask(&scheduler, "CreateSchedule", &verify(&json!({ "ClientToken": null }))), conflict);
    assert_eq!(scheduler.names("checks"), ["steward-Sweep", "verify-1"]);
    ask(&scheduler, "CreateSchedule", &verify(&json!({ "GroupName": "default" }))).unwrap();
}

#[test]
fn what_is_not_valid_is_refused_and_makes_nothing() {
    let scheduler = scheduler();
    for changes in [
        json!({ "ScheduleExpression": "soon" }),
        json!({ "ScheduleExpression": "at(2027-01-15T08:02:00Z)" }),
        json!({ "ScheduleExpression": "at(2027-01-15T08:00:00)" }),
        json!({ "ScheduleExpressionTimezone": "Europe/Paris" }),
        json!({ "FlexibleTimeWindow": null }),
        json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5 } }),
        json!({ "Name": "with blank" }),
        json!({ "Name": "x".repeat(65) }),
        json!({ "ActionAfterCompletion": "STOP" }),
        json!({ "StartDate": 1_800_000_000 }),
        json!({ "Target": { "Arn": "arn:aws:sqs:eu-west-1:123456789012:steward-Work.fifo" } }),
        json!({ "Target": { "Arn": "arn:aws:lambda:x", "RoleArn": "arn:aws:iam::123456789012:role/x" } }),
    ] {
        let refused = ask(&scheduler, "CreateSchedule", &verify(&changes));
        assert_eq!(refused, Err((400, "ValidationException".to_owned())), "{changes}");
    }
    let nowhere = ask(&scheduler, "CreateSchedule", &verify(&json!({ "GroupName": "none" })));
    assert_eq!(nowhere, Err((404, "ResourceNotFoundException".to_owned())));
    assert_eq!(scheduler.names("checks"), ["steward-Sweep"]);
}

#[test]
fn schedules_are_described_listed_and_deleted() {
    let scheduler = scheduler();
    ask(&scheduler, "CreateSchedule", &verify(&json!({}))).unwrap();
    let named = json!({ "Name": "verify-1", "GroupName": "checks" });
    let described = ask(&scheduler, "GetSchedule", &named).unwrap();
    assert_eq!(described["Target"], verify(&json!({}))["Target"]);
    assert_eq!((&described["State"], described.get("ClientToken")), (&json!("ENABLED"), None));
    let names = |input: Value| -> Vec<String> {
        let listed = ask(&scheduler, "ListSchedules", &input).unwrap();
        let schedules = listed["Schedules"].as_array().unwrap().iter();
        schedules.map(|schedule| schedule["Name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({ "GroupName": "checks" })), ["steward-Sweep", "verify-1"]);
    assert_eq!(names(json!({ "NamePrefix": "verify" })), ["verify-1"]);
    assert_eq!(names(json!({ "MaxResults": "1", "NextToken": "page-1" })), ["verify-1"]);
    scheduler.stop(at(0));
    assert_eq!(names(json!({ "State": "DISABLED" })), ["steward-Sweep"]);
    assert_eq!(ask(&scheduler, "DeleteSchedule", &named), Ok(json!({})));
    let gone = Err((404, "ResourceNotFoundException".to_owned()));
    assert_eq!(ask(&scheduler, "DeleteSchedule", &named), gone);
    assert_eq!(ask(&scheduler, "GetSchedule", &named), gone);
    assert_eq!(scheduler.next_due(), None);
}
