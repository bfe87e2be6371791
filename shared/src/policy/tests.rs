//! One table for each policy, and the properties that all of them share.

use proptest::prelude::*;

use super::*;

fn digest(n: u8) -> Digest {
    format!("sha256:{}", format!("{n:02x}").repeat(32)).parse().unwrap()
}

/// An image with digest `n`, pushed in second `n * 10`, with these tags.
fn image(n: u8, tags: &[&str]) -> Image {
    Image {
        pushed_at: Timestamp::from_second(i64::from(n) * 10).unwrap(),
        digest: digest(n),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
    }
}

/// A container that was started by `tag` and runs digest `n`, which the registry knows.
fn runs(n: u8, tag: Option<&str>) -> Running {
    Running {
        tag: tag.map(|tag| tag.parse().unwrap()),
        digest: Some(digest(n)),
        pushed_at: Some(image(n, &[]).pushed_at),
    }
}

#[track_caller]
fn check(policy: &str, running: &Running, catalog: &[Image], bad: &[u8], expected: &str) {
    let policy: Policy = policy.parse().unwrap();
    let bad: BTreeSet<Digest> = bad.iter().map(|n| digest(*n)).collect();
    let mut reversed = catalog.to_vec();
    reversed.reverse();
    let verdict = policy.verdict(running, catalog, &bad);
    assert_eq!(verdict, policy.verdict(running, &reversed, &bad), "the order of the catalog must not matter");
    let text = match verdict {
        Verdict::UpToDate => "up to date".to_owned(),
        Verdict::Move(choice) => format!("move to {}", choice.tag),
        Verdict::Refused(Refusal::OlderThanRunning { .. }) => "older".to_owned(),
        Verdict::Refused(Refusal::KnownBad(_)) => "bad".to_owned(),
        Verdict::Refused(refusal) => format!("{refusal:?}"),
    };
    assert_eq!(text, expected, "{policy} with {running:?}");
}

#[test]
fn follow_rolls_when_the_tag_that_is_named_has_moved() {
    let tag = |name: &str| format!("TagNotFound(ImageTag({name:?}))");
    check("follow", &runs(1, Some("latest")), &[image(1, &[]), image(2, &["latest"])], &[], "move to latest");
    check("follow", &runs(2, Some("latest")), &[image(1, &[]), image(2, &["latest"])], &[], "up to date");
    check("follow", &runs(1, Some("prod")), &[image(1, &["prod"]), image(2, &["latest"])], &[], "up to date");
    check("follow", &runs(1, Some("prod")), &[image(2, &["latest"])], &[], &tag("prod"));
    check("follow", &runs(1, None), &[image(2, &["latest"])], &[], "NoTagToFollow");
    check("follow", &runs(1, Some("latest")), &[image(2, &["latest"])], &[2], "bad");
    check("follow", &runs(2, Some("latest")), &[image(1, &["latest"]), image(2, &[])], &[], "older");
    check("follow", &runs(1, Some("latest")), &[], &[], &tag("latest"));
    let unknown = Running { tag: Some(ImageTag::latest()), ..Running::default() };
    check("follow", &unknown, &[image(1, &["latest"])], &[], "move to latest");
}

#[test]
fn semver_takes_the_newest_version_above_the_one_that_runs_within_its_range() {
    let all = [
        image(1, &["1.2.3"]),
        image(2, &["1.2.4"]),
        image(3, &["1.3.0", "1.3"]),
        image(4, &["2.0.0"]),
        image(5, &["2.1.0-rc.1"]),
        image(6, &["latest", "2024.1", "1.2.3.4", "v1", "nightly"]),
    ];
    let running = runs(1, Some("1.2.3"));
    check("semver:major", &running, &all, &[], "move to 2.0.0");
    check("semver:minor", &running, &all, &[], "move to 1.3.0");
    check("semver:patch", &running, &all, &[], "move to 1.2.4");
    check("semver:1.x", &running, &all, &[], "move to 1.3.0");
    check("semver:1.2.x", &running, &all, &[], "move to 1.2.4");
    check("semver:3.x", &running, &all, &[], "up to date");
    check("semver:major prerelease", &running, &all, &[], "move to 2.1.0-rc.1");
    check("semver:minor", &running, &all, &[3], "move to 1.2.4");
    check("semver:minor", &running, &all, &[2, 3], "bad");
    check("semver:major", &runs(4, Some("2.0.0")), &all, &[], "up to date");
    check("semver:1.x", &runs(4, Some("2.0.0")), &all, &[], "up to date");
    // A pinned container says no tag: the version is read from the tags of its digest.
    check("semver:minor", &runs(1, None), &all, &[], "move to 1.3.0");
    check("semver:minor", &runs(9, None), &all, &[], "RunningVersionUnknown");
    check("semver:minor", &runs(6, Some("latest")), &all, &[], "RunningVersionUnknown");
    // Backports: 1.2.5 is pushed after 1.3.0 and must not win over it, nor be taken by what runs 1.3.0.
    check("semver:minor", &runs(3, Some("1.3.0")), &[image(3, &["1.3.0"]), image(9, &["1.2.5"])], &[], "up to date");
    check(
        "semver:minor",
        &runs(1, Some("v1.2.3")),
        &[image(1, &["v1.2.3"]), image(2, &["v1.10.0"]), image(3, &["v1.9.0"])],
        &[],
        "move to v1.10.0",
    );
    // One image under two versions, the greater of which is new: the same image, nothing to roll.
    check("semver:minor", &runs(1, Some("1.2.3")), &[image(1, &["1.2.3", "1.2.4"])], &[], "up to date");
}

#[test]
fn prefix_takes_the_newest_pushed_tag_that_begins_so() {
    let all = [image(1, &["release-1"]), image(2, &["release-9"]), image(3, &["release-10"]), image(4, &["main-7"])];
    check("prefix:release-", &runs(1, Some("release-1")), &all, &[], "move to release-10");
    check("prefix:release-", &runs(3, Some("release-10")), &all, &[], "up to date");
    check("prefix:release-", &runs(1, Some("release-1")), &all, &[3], "move to release-9");
    check("prefix:release-", &runs(2, Some("release-9")), &all, &[3], "bad");
    check("prefix:release-", &runs(2, None), &all[2..], &[3], "bad");
    check("prefix:release-", &runs(4, Some("main-7")), &all, &[], "older");
    check("prefix:beta-", &runs(1, Some("release-1")), &all, &[], "NothingMatches");
    let gone = Running { digest: Some(digest(9)), ..Running::default() };
    check("prefix:release-", &gone, &all, &[], "RunningAgeUnknown");
}

#[test]
fn any_takes_the_newest_pushed_tag() {
    let all = [image(1, &["abc"]), image(2, &["def"]), image(3, &[])];
    check("any", &runs(1, None), &all, &[], "move to def");
    check("any", &runs(2, None), &all, &[], "up to date");
    check("any", &runs(1, None), &all, &[2], "bad");
    check("any", &runs(1, None), &[image(3, &[])], &[], "NothingMatches");
}

#[test]
fn off_never_moves() {
    check("off", &runs(1, Some("1.0.0")), &[image(2, &["1.0.1"])], &[], "up to date");
}

#[test]
fn what_is_not_a_policy_is_refused_with_what_is() {
    for text in [
        "",
        "Follow",
        "folow",
        "semver",
        "semver:",
        "semver:^1.2",
        "semver:1",
        "semver:01.x",
        "semver:x",
        "semver:1.x.x",
        "semver:minor  prerelease",
        "semver:minor prereleases",
        "prefix:",
        "prefix:-",
        "prefix",
        "regex:.*",
        "any:thing",
        "off ",
    ] {
        let error = text.parse::<Policy>().unwrap_err();
        assert!(error.contains("expected") || error.contains("needs"), "{text:?}: {error}");
    }
}

#[test]
fn a_policy_prints_as_it_is_written() {
    for text in [
        "follow",
        "semver:major",
        "semver:minor prerelease",
        "semver:1.x",
        "semver:2.3.x",
        "prefix:release-",
        "any",
        "off",
    ] {
        assert_eq!(text.parse::<Policy>().unwrap().to_string(), text);
    }
}

#[test]
fn a_push_that_no_policy_could_want_is_known_before_anything_is_read() {
    let concerns = |policy: &str, tag: &str| policy.parse::<Policy>().unwrap().may_concern(&tag.parse().unwrap());
    assert!(concerns("follow", "anything") && concerns("any", "anything"));
    assert!(
        concerns("semver:minor", "v1.2.3")
            && !concerns("semver:minor", "latest")
            && !concerns("semver:minor", "1.2.3-rc.1")
    );
    assert!(
        concerns("prefix:release-", "release-2") && !concerns("prefix:release-", "main") && !concerns("off", "1.2.3")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn no_policy_ever_names_a_bad_digest_or_an_older_image(
        policy in prop::sample::select(vec!["follow", "semver:major", "semver:minor", "semver:1.x prerelease", "prefix:1.", "any"]),
        pushed in prop::collection::vec((0u8..8, prop::sample::select(vec!["latest", "1.0.0", "1.0.1", "1.1.0", "1.1.0-rc.1", "2.0.0"])), 0..8),
        running in 0u8..8,
        tag in prop::option::of(prop::sample::select(vec!["latest", "1.0.0", "1.1.0"])),
        bad in prop::collection::btree_set(0u8..8, 0..4),
    ) {
        // A tag moves: the last push of it holds it.
        let mut catalog: Vec<Image> = (0..8).map(|n| image(n, &[])).collect();
        for (n, tag) in pushed {
            let tag: ImageTag = tag.parse().unwrap();
            for image in &mut catalog {
                image.tags.retain(|held| *held != tag);
            }
            catalog[usize::from(n)].tags.push(tag);
        }
        let running = runs(running, tag);
        let bad: BTreeSet<Digest> = bad.into_iter().map(digest).collect();
        let policy: Policy = policy.parse().unwrap();
        if let Verdict::Move(choice) = policy.verdict(&running, &catalog, &bad) {
            prop_assert!(!bad.contains(&choice.digest));
            prop_assert!(running.digest.as_ref() != Some(&choice.digest));
            prop_assert!(catalog.iter().any(|image| image.digest == choice.digest && image.tags.contains(&choice.tag)));
            if !matches!(policy, Policy::Semver(_)) {
                prop_assert!(running.pushed_at.unwrap() <= choice.pushed_at);
            }
            // Having moved there, there is nothing left to do.
            let then = Running { tag: Some(choice.tag.clone()), digest: Some(choice.digest.clone()), pushed_at: Some(choice.pushed_at) };
            prop_assert!(!matches!(policy.verdict(&then, &catalog, &bad), Verdict::Move(_)));
        }
    }
}
