use super::*;

const TEMPLATE: &str = r#"
Parameters:
  SweepEnabled: { Type: String, Default: "true" }
  Minutes: { Type: Number, Default: 5 }
  Names: { Type: CommaDelimitedList, Default: "a, b" }
  Needed: { Type: String }
Conditions:
  Sweeps: !Equals [!Ref SweepEnabled, "true"]
  Quiet: !Not [!Condition Sweeps]
Mappings:
  Sizes: { small: { memory: 256 } }
Globals:
  Function:
    Timeout: 30
    Environment: { Variables: { COMMON: yes-please, SHARED: global } }
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      ContentBasedDeduplication: true
      VisibilityTimeout: 125
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2 }
  Dead:
    Type: AWS::SQS::Queue
    Properties: { FifoQueue: true, QueueName: !Sub "${AWS::StackName}-dead.fifo" }
  Lost: { Type: AWS::SQS::Queue }
  Pushed:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.ecr]
        account: [!Ref AWS::AccountId]
        detail: { image-tag: [{ anything-but: { prefix: sha256- } }] }
      Targets:
        - Id: work
          Arn: !GetAtt Work.Arn
          SqsParameters: { MessageGroupId: deploy }
          DeadLetterConfig: { Arn: !GetAtt Lost.Arn }
  Sweep:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: !Sub "rate(${Minutes} minutes)"
      State: !If [Sweeps, ENABLED, DISABLED]
      Target:
        Arn: !GetAtt Work.Arn
        RoleArn: !GetAtt Role.Arn
        Input: !Sub '{"id":"<aws.scheduler.execution-id>","account":"${AWS::AccountId}","literal":"${!x}"}'
        SqsParameters: { MessageGroupId: !Select [1, !Ref Names] }
  Role: { Type: AWS::IAM::Role }
  Only:
    Type: AWS::SQS::Queue
    Condition: Quiet
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/worker/
      MemorySize: !FindInMap [Sizes, small, memory]
      Policies: [!Sub "${Unknown.Thing}"]
      Environment:
        Variables:
          SHARED: !Join ["-", [own, !Ref Table]]
          QUEUE: !Ref Work
          TOPIC: !Ref Alerts
          ABSENT: !Ref AWS::NoValue
          PART: !Select [2, !Split [":", "a:b:c"]]
      Events:
        Queue:
          Type: SQS
          Properties: { Queue: !GetAtt Work.Arn, BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures] }
  Alerts: { Type: AWS::SNS::Topic }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
"#;

fn read(overrides: &[(&str, &str)]) -> Template {
    let overrides = overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Template::read(TEMPLATE, &overrides).unwrap()
}

#[test]
fn queues_have_their_names_limits_and_dead_letters() {
    let template = read(&[]);
    let queue = template.queue("Work").unwrap();
    assert_eq!(queue.name, "steward-Work.fifo");
    assert!(queue.content_deduplication);
    assert_eq!(queue.visibility, SignedDuration::from_secs(125));
    assert_eq!(queue.redrive, Some(("arn:aws:sqs:eu-west-1:123456789012:steward-dead.fifo".to_owned(), 2)));
    assert!(!template.queue("Lost").unwrap().fifo);
}

#[test]
fn rules_and_schedules_know_their_targets() {
    let template = read(&[]);
    let rule = &template.rules[0];
    assert_eq!(rule.source["account"], serde_json::json!(["123456789012"]));
    assert_eq!(rule.targets[0].group.as_deref(), Some("deploy"));
    assert_eq!(rule.targets[0].dead_letter.as_deref(), Some("arn:aws:sqs:eu-west-1:123456789012:steward-Lost"));
    let schedule = &template.schedules[0];
    assert_eq!(schedule.expression, Expression::Rate(SignedDuration::from_mins(5)));
    assert_eq!(schedule.target.group.as_deref(), Some("b"));
    let input = r#"{"id":"<aws.scheduler.execution-id>","account":"123456789012","literal":"${x}"}"#;
    assert_eq!(schedule.target.input, Input::Text(input.to_owned()));
}

#[test]
fn a_function_has_its_environment_over_the_global_one() {
    let template = read(&[]);
    let function = template.function("Worker").unwrap();
    let environment: Vec<_> = function.environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        environment,
        [
            ("COMMON", "yes-please"),
            ("PART", "c"),
            ("QUEUE", "https://sqs.eu-west-1.amazonaws.com/123456789012/steward-Work.fifo"),
            ("SHARED", "own-steward-Table"),
            ("TOPIC", "arn:aws:sns:eu-west-1:123456789012:steward-Alerts"),
        ]
    );
    assert_eq!((function.timeout, function.memory), (SignedDuration::from_secs(30), 256));
    assert_eq!(function.binary, "worker");
    assert_eq!(function.sources[0].batch_size, 1);
    assert!(function.sources[0].reports_failures);
}

#[test]
fn a_schedule_that_a_function_makes_can_be_named_by_its_variables() {
    let text = format!(
        "{TEMPLATE}{}",
        r#"
  Checks: { Type: AWS::Scheduler::ScheduleGroup }
  HealQueue: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }
  Healing:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 hour)
      GroupName: !Ref Checks
      Target: { Arn: !GetAtt HealQueue.Arn, Input: "{}" }
  Heal:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/heal
      Environment:
        Variables:
          STEWARD_QUEUE_ARN: !GetAtt HealQueue.Arn
          STEWARD_SCHEDULER_ROLE_ARN: !Sub "${Role.Arn}"
          STEWARD_SCHEDULE_GROUP: !Ref Checks
          SCHEDULE: !GetAtt Healing.Arn
      Events:
        Queue: { Type: SQS, Properties: { Queue: !GetAtt HealQueue.Arn, BatchSize: 1 } }
"#
    );
    let template = Template::read(&text, &BTreeMap::new()).unwrap();
    let heal = template.function("Heal").unwrap();
    let variable = |name: &str| heal.environment.get(name).map(String::as_str);
    assert_eq!(variable("STEWARD_QUEUE_ARN"), Some("arn:aws:sqs:eu-west-1:123456789012:steward-HealQueue.fifo"));
    assert_eq!(variable("STEWARD_SCHEDULER_ROLE_ARN"), Some("arn:aws:iam::123456789012:role/steward-Role"));
    assert_eq!(variable("STEWARD_SCHEDULE_GROUP"), Some("steward-Checks"));
    let arn = "arn:aws:scheduler:eu-west-1:123456789012:schedule/steward-Checks/steward-Healing";
    assert_eq!(variable("SCHEDULE"), Some(arn));
    assert_eq!(template.schedule_groups, ["steward-Checks"]);
    assert_eq!(Some(heal.sources[0].queue.as_str()), variable("STEWARD_QUEUE_ARN"));
    assert_eq!(heal.binary, "heal");
}

#[test]
fn parameters_override_their_defaults_and_switch_conditions() {
    assert!(read(&[]).schedules[0].enabled);
    assert!(read(&[]).queue("Only").is_none());
    let quiet = read(&[("SweepEnabled", "false"), ("Minutes", "60")]);
    assert!(!quiet.schedules[0].enabled);
    assert!(quiet.queue("Only").is_some());
    assert_eq!(quiet.schedules[0].expression, Expression::Rate(SignedDuration::from_hours(1)));
}

#[test]
fn what_cannot_be_resolved_is_an_error_that_names_its_resource() {
    for (resource, problem) in [
        ("{ Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Nobody } }", "there is nothing named Nobody"),
        ("{ Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Needed } }", "parameter Needed has no value"),
        ("{ Type: AWS::SQS::Queue, Properties: { QueueName: !GetAtt Nobody.Arn } }", "there is no resource Nobody"),
        ("{ Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Odd } }", "a reference leads back to itself"),
        (
            "{ Type: AWS::SQS::Queue, Properties: { QueueName: !ImportValue x } }",
            "Fn::ImportValue is not known to the lab in this form",
        ),
        ("{ Type: AWS::Events::Rule, Properties: {} }", "a rule without EventPattern"),
        (
            "{ Type: AWS::Events::Rule, Properties: { EventPattern: { a: [{ cidr: x }] } } }",
            "event pattern at `a`: operator `cidr` is not known to the lab",
        ),
        ("{ Type: AWS::DynamoDB::Table, Condition: Missing }", "there is no condition Missing"),
        ("{ Type: AWS::DynamoDB::Table }", "KeySchema has no HASH key"),
    ] {
        let text = format!("{TEMPLATE}\n  Odd: {resource}\n");
        let error = Template::read(&text, &BTreeMap::new()).unwrap_err();
        assert_eq!((error.at.as_str(), error.problem.as_str()), ("Odd", problem));
    }
    let unknown = [("Nothing".to_owned(), String::new())].into();
    assert_eq!(Template::read(TEMPLATE, &unknown).unwrap_err().at, "Parameters");
}

#[test]
fn schedules_fire_when_their_expression_says() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let start = at("2026-11-20T10:02:30Z"); // a Friday
    for (expression, after, expected) in [
        ("rate(5 minutes)", "2026-11-20T10:02:30Z", "2026-11-20T10:07:30Z"),
        ("rate(1 hour)", "2026-11-20T12:02:29Z", "2026-11-20T12:02:30Z"),
        ("cron(0/15 * * * ? *)", "2026-11-20T10:02:30Z", "2026-11-20T10:15:00Z"),
        ("cron(0 3 * * ? *)", "2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"),
        ("cron(30 6 ? * MON-FRI *)", "2026-11-20T06:30:00Z", "2026-11-23T06:30:00Z"),
        ("cron(0 0 1 JAN ? *)", "2026-11-20T06:30:00Z", "2027-01-01T00:00:00Z"),
        ("at(2026-11-20T23:00:00)", "2026-11-20T06:30:00Z", "2026-11-20T23:00:00Z"),
    ] {
        assert_eq!(Expression::new(expression).unwrap().next(start, at(after)), Some(at(expected)), "{expression}");
    }
    for expression in [
        "rate(0 minutes)",
        "rate(5 fortnights)",
        "cron(61 * * * ? *)",
        "cron(* * *)",
        "soon",
        "at(2026-11-20)",
        "at(2026-11-20 23:00:00)",
        "at(2026-11-20T23:00:00Z)",
        "at(2026-11-20T23:00:00.5)",
    ] {
        assert!(Expression::new(expression).is_err(), "{expression}");
    }
}
