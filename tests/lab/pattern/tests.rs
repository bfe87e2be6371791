use serde_json::json;

use super::*;

#[track_caller]
fn check(pattern: &Value, event: &Value, expected: bool) {
    let read = Pattern::new(pattern).unwrap();
    assert_eq!(read.matches(event), expected, "pattern {pattern} against {event}");
}

/// One line a case: the list for the field `f`, the value that the event has there, whether it matches.
#[test]
fn each_operator_matches_what_it_names_and_nothing_else() {
    for (list, value, expected) in [
        (json!(["a", "b"]), json!("b"), true),
        (json!(["a", "b"]), json!("B"), false),
        (json!(["a"]), json!("ab"), false),
        (json!([1]), json!(1), true),
        (json!([1]), json!("1"), false),
        (json!([300]), json!(300.0), false),
        (json!([null]), json!(null), true),
        (json!([null]), json!(""), false),
        (json!([""]), json!(""), true),
        (json!([true]), json!(true), true),
        (json!([true]), json!("true"), false),
        (json!([{"prefix": "eu-"}]), json!("eu-west-1"), true),
        (json!([{"prefix": "eu-"}]), json!("us-eu-1"), false),
        (json!([{"prefix": {"equals-ignore-case": "EU-"}}]), json!("eu-west-1"), true),
        (json!([{"prefix": "1"}]), json!(12), false),
        (json!([{"suffix": ".png"}]), json!("cat.png"), true),
        (json!([{"suffix": ".png"}]), json!("cat.png.txt"), false),
        (json!([{"suffix": {"equals-ignore-case": ".PNG"}}]), json!("cat.png"), true),
        (json!([{"equals-ignore-case": "Alice"}]), json!("aLICE"), true),
        (json!([{"equals-ignore-case": "Alice"}]), json!("alices"), false),
        (json!([{"wildcard": "dir/*.png"}]), json!("dir/a/b.png"), true),
        (json!([{"wildcard": "dir/*.png"}]), json!("dir/a.jpg"), false),
        (json!([{"wildcard": "*"}]), json!(""), true),
        (json!([{"wildcard": ""}]), json!(""), true),
        (json!([{"wildcard": ""}]), json!("a"), false),
        (json!([{"anything-but": {"wildcard": ["", "sha256-*"]}}]), json!(""), false),
        (json!([{"anything-but": {"wildcard": ["", "sha256-*"]}}]), json!("sha256-1"), false),
        (json!([{"anything-but": {"wildcard": ["", "sha256-*"]}}]), json!("1.4.2"), true),
        (json!([{"wildcard": "a\\*b"}]), json!("a*b"), true),
        (json!([{"wildcard": "a\\*b"}]), json!("axb"), false),
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(5), true),
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(0), false),
        (json!([{"numeric": ["=", 3.5]}]), json!(3.5), true),
        (json!([{"numeric": ["<", 10]}]), json!("5"), false),
        (json!([{"anything-but": "a"}]), json!("b"), true),
        (json!([{"anything-but": "a"}]), json!("a"), false),
        (json!([{"anything-but": ["a", "b"]}]), json!("b"), false),
        (json!([{"anything-but": [0, 137]}]), json!(1), true),
        (json!([{"anything-but": [0, 137]}]), json!(137), false),
        (json!([{"anything-but": {"prefix": "sha256-"}}]), json!("1.4.2"), true),
        (json!([{"anything-but": {"prefix": "sha256-"}}]), json!("sha256-ab.sig"), false),
        (json!([{"anything-but": {"prefix": ["a", "b"]}}]), json!("bc"), false),
        (json!([{"anything-but": {"suffix": ".sig"}}]), json!("x.sig"), false),
        (json!([{"anything-but": {"wildcard": "*-*"}}]), json!("a-b"), false),
        (json!([{"anything-but": {"equals-ignore-case": ["x"]}}]), json!("X"), false),
        (json!([{"exists": true}]), json!(""), true),
        (json!([{"exists": true}]), json!(null), true),
        (json!([{"exists": true}]), json!([]), false),
        (json!([{"exists": true}]), json!({"g": 1}), false),
        (json!([{"exists": false}]), json!("x"), false),
        (json!(["a", {"exists": false}]), json!("a"), true),
        (json!(["a"]), json!(["b", "a"]), true),
        (json!(["a"]), json!(["b", "c"]), false),
        (json!([{"anything-but": "a"}]), json!(["a", "b"]), true),
        (json!([{"anything-but": "a"}]), json!(["a"]), false),
    ] {
        check(&json!({"f": list}), &json!({"f": value}), expected);
    }
}

#[test]
fn a_field_that_the_event_does_not_have_matches_only_exists_false() {
    for (list, expected) in [
        (json!(["a"]), false),
        (json!([null]), false),
        (json!([{"anything-but": "a"}]), false),
        (json!([{"exists": true}]), false),
        (json!([{"exists": false}]), true),
        (json!(["a", {"exists": false}]), true),
    ] {
        check(&json!({"detail": {"f": list}}), &json!({"detail": {"other": 1}}), expected);
        check(&json!({"detail": {"f": list}}), &json!({"other": 1}), expected);
    }
}

#[test]
fn every_field_of_the_pattern_must_match_and_further_fields_of_the_event_do_not_matter() {
    let pattern =
        json!({"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"], "group": [{"prefix": "service:"}]}});
    let event = |status: &str, group: &str| json!({"source": "aws.ecs", "detail": {"lastStatus": status, "group": group, "version": 4}});
    check(&pattern, &event("STOPPED", "service:web"), true);
    check(&pattern, &event("RUNNING", "service:web"), false);
    check(&pattern, &event("STOPPED", "family:web"), false);
}

#[test]
fn the_fields_below_an_array_of_objects_must_match_in_one_object() {
    let pattern = json!({"detail": {"containers": {"name": ["web"], "exitCode": [{"anything-but": 0}]}}});
    check(
        &pattern,
        &json!({"detail": {"containers": [{"name": "log", "exitCode": 0}, {"name": "web", "exitCode": 1}]}}),
        true,
    );
    check(
        &pattern,
        &json!({"detail": {"containers": [{"name": "log", "exitCode": 1}, {"name": "web", "exitCode": 0}]}}),
        false,
    );
    let absent = json!({"detail": {"containers": {"exitCode": [{"exists": false}]}}});
    check(&absent, &json!({"detail": {"containers": [{"name": "a"}, {"name": "b", "exitCode": 1}]}}), false);
    check(&absent, &json!({"detail": {"containers": [{"name": "a"}, {"name": "b"}]}}), true);
}

#[test]
fn one_alternative_of_an_or_is_enough_beside_the_other_fields() {
    let pattern = json!({"source": ["s"], "$or": [{"a": [1]}, {"detail": {"b": [{"exists": true}]}}]});
    check(&pattern, &json!({"source": "s", "a": 1}), true);
    check(&pattern, &json!({"source": "s", "detail": {"b": "x"}}), true);
    check(&pattern, &json!({"source": "s", "a": 2}), false);
    check(&pattern, &json!({"source": "t", "a": 1}), false);
}

#[test]
fn what_is_not_a_pattern_is_refused_with_its_place() {
    for (pattern, path) in [
        (json!([]), ""),
        (json!({}), ""),
        (json!({"source": "aws.ecs"}), "source"),
        (json!({"detail": {}}), "detail"),
        (json!({"detail": {"f": []}}), "detail.f"),
        (json!({"detail": {"f": [{"cidr": "10.0.0.0/24"}]}}), "detail.f"),
        (json!({"detail": {"f": [{"anything-but": {"prefix": ""}}]}}), "detail.f"),
        (json!({"detail": {"f": [{"anything-but": {"prefix": {"equals-ignore-case": "a"}}}]}}), "detail.f"),
        (json!({"detail": {"f": [{"anything-but": ["a", 1]}]}}), "detail.f"),
        (json!({"detail": {"f": [{"prefix": 1}]}}), "detail.f"),
        (json!({"detail": {"f": [{"prefix": "a", "suffix": "b"}]}}), "detail.f"),
        (json!({"detail": {"f": [{"anything-but": [true]}]}}), "detail.f"),
        (json!({"detail": {"f": [{"anything-but": []}]}}), "detail.f"),
        (json!({"detail": {"f": [{"numeric": ["~", 1]}]}}), "detail.f"),
        (json!({"detail": {"f": [{"wildcard": "a**"}]}}), "detail.f"),
        (json!({"detail": {"f": [{"exists": "yes"}]}}), "detail.f"),
        (json!({"detail": {"f": [["a"]]}}), "detail.f"),
        (json!({"$or": [{"a": [1]}]}), "$or"),
    ] {
        assert_eq!(Pattern::new(&pattern).unwrap_err().path, path, "{pattern}");
    }
}
