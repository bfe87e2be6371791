//! A million inputs and more for each parser that reads what others write: events, tags, image references, policies. They
//! are made from the samples of `events/` by a seeded mutator, so that every run is the same. Nothing may panic, and what
//! is read must be well formed.

use shared::event::Event;
use shared::event::ecr::ImageAction;
use shared::event::ecs::DeploymentStateChange;
use shared::event::steward::{DeployRequested, ImagePushed};
use shared::image::{Digest, ImageReference, ImageTag, Repository};
use shared::policy::Policy;
use shared::tags::{Buckets, DatabaseTags, ServiceTags};

use serde_json::Value;

const INPUTS: usize = 1_000_000;

/// A small generator of random numbers (xorshift): fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or_default()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

fn samples() -> Vec<Value> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("events");
    let folders = [root.clone(), root.join("near-misses")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut files: Vec<_> = files.collect();
    files.sort();
    files.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

/// Values that break assumptions.
fn odd_values() -> Vec<Value> {
    let texts =
        ["", " ", "null", "\u{0}", "\u{202e}", "ü", "sha256:", "{}", "arn:aws:ecs:::service/", "a".repeat(400).leak()];
    let mut values: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
    let others =
        ["null", "true", "-1", "1e308", "18446744073709551615", "[]", "{}", "[[[]]]", "{\"a\":{\"b\":[null]}}"];
    values.extend(others.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()));
    values
}

/// One change somewhere in the tree.
fn mutate(value: &mut Value, random: &mut Random, odd: &[Value]) {
    match value {
        Value::Object(members) if !members.is_empty() && random.below(8) > 0 => {
            let index = random.below(members.len());
            let key = members.keys().nth(index).unwrap().clone();
            match random.below(10) {
                0 => {
                    members.swap_remove(&key);
                }
                1 => {
                    let taken = members.swap_remove(&key).unwrap();
                    members.insert(format!("{key}{}", random.below(3)), taken);
                }
                2 => {
                    let other = members.values().nth(random.below(members.len())).unwrap().clone();
                    members.insert(key, other);
                }
                _ => mutate(members.get_mut(&key).unwrap(), random, odd),
            }
        }
        Value::Array(items) if !items.is_empty() && random.below(4) > 0 => {
            let index = random.below(items.len());
            mutate(&mut items[index], random, odd);
        }
        Value::String(text) if random.below(3) > 0 => *text = mangled(text, random),
        other => *other = random.one(odd).clone(),
    }
}

const LETTERS: &[&str] = &[
    ":", "@", "/", ".", "-", "_", " ", "", "sha256", "0", "9", "a", "Z", "ü", "\u{0}", "semver:", "x", "+", "=",
    "daily:",
];

/// A text with a few letters changed, dropped, doubled or put in.
fn mangled(text: &str, random: &mut Random) -> String {
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    for _ in 0..=random.below(3) {
        let at = random.below(letters.len() + 1);
        match random.below(4) {
            0 if at < letters.len() => {
                letters.remove(at);
            }
            1 if at < letters.len() => (*random.one(LETTERS)).clone_into(&mut letters[at]),
            2 => letters.truncate(at),
            _ => letters.insert(at, (*random.one(LETTERS)).to_owned()),
        }
    }
    letters.concat()
}

/// Runs `check` on inputs until there were enough, and says how fast. The clock is only looked at for people.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a rate is measured in real time, and printed")]
fn fuzz(what: &str, mut check: impl FnMut(&mut Random) -> bool) {
    let mut random = Random(0x5eed_0001);
    let start = std::time::Instant::now();
    let read = (0..INPUTS).filter(|_| check(&mut random)).count();
    let rate = f64::from(u32::try_from(INPUTS).unwrap()) / start.elapsed().as_secs_f64();
    println!("{what}: {INPUTS} inputs, {read} of them read, {rate:.0} a second");
    // A mutator whose inputs are all refused, or all taken, tries nothing.
    assert!(read > INPUTS / 100 && read < INPUTS, "{what}: {read} of {INPUTS} were read");
}

#[test]
fn no_event_makes_the_parser_panic() {
    let (samples, odd) = (samples(), odd_values());
    fuzz("events", |random| {
        let mut payload = random.one(&samples).clone();
        for _ in 0..=random.below(3) {
            mutate(&mut payload, random, &odd);
        }
        let Ok(event) = Event::read(&payload) else { return false };
        // Each detail is read as each kind: what a sender calls it does not matter to the reader.
        let _ = event.detail::<DeploymentStateChange>();
        let read = match event.detail::<ImageAction>() {
            Ok(action) => action.image_tag.is_none_or(|tag| tag.parse::<ImageTag>().is_ok()),
            Err(error) => !error.to_string().is_empty(),
        };
        if let Ok(pushed) = event.detail::<ImagePushed>() {
            assert!(pushed.digest.as_str().len() == 71 && !pushed.tag.as_str().is_empty());
        }
        if let Ok(request) = event.detail::<DeployRequested>()
            && request.check().is_ok()
        {
            let named = request.service.is_some() || request.repository.is_some();
            assert!(named && (request.release_pin || request.tag.is_some() != request.digest.is_some()));
        }
        read
    });
}

#[test]
fn no_bytes_make_the_way_in_panic() {
    let bodies: Vec<Vec<u8>> = samples().iter().map(|sample| sample.to_string().into_bytes()).collect();
    fuzz("bodies of messages", |random| {
        let mut body = random.one(&bodies).clone();
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            match random.below(4) {
                0 => body.truncate(at),
                1 => body[at] ^= 1 << random.below(8),
                2 => body[at] = b"\"{}[],:\\0 "[random.below(10)],
                _ => {
                    body.remove(at);
                }
            }
            if body.is_empty() {
                body.push(b' ');
            }
        }
        serde_json::from_slice::<Value>(&body).is_ok_and(|payload| Event::read(&payload).is_ok())
    });
}

#[test]
fn no_tag_makes_the_grammar_panic_and_what_is_read_is_read_again() {
    const VALUES: &[(&str, &str)] = &[
        ("steward:deploy", "follow"),
        ("steward:deploy", "semver:minor"),
        ("steward:deploy", "semver:2.3.x prerelease"),
        ("steward:deploy", "prefix:release-"),
        ("steward:deploy", "any"),
        ("steward:mode", "force"),
        ("steward:mode", "pin"),
        ("steward:container", "api worker"),
        ("steward:hold", "load test"),
        ("steward:heal", "dry-run"),
        ("steward:migrate", "api"),
        ("steward:database", "shop-db"),
        ("steward:restore-point", "snapshot"),
        ("steward:runbook", "https://wiki.acme.example/api"),
        ("team", "shop"),
    ];
    fuzz("tags of services", |random| {
        let mut tags: Vec<(String, String)> = Vec::new();
        for _ in 0..=random.below(4) {
            let (key, value) = *random.one(VALUES);
            let key = if random.below(12) == 0 { mangled(key, random) } else { key.to_owned() };
            let value = if random.below(2) == 0 { mangled(value, random) } else { value.to_owned() };
            tags.push((key, value));
        }
        match ServiceTags::parse(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))) {
            Ok(read) => {
                assert_eq!(read.policy.to_string().parse::<Policy>().as_ref(), Ok(&read.policy), "{tags:?}");
                assert!(read.containers.iter().all(|name| !name.is_empty() && !name.contains(' ')), "{tags:?}");
                assert!(read.hold.is_none_or(|why| !why.trim().is_empty()), "{tags:?}");
                true
            }
            Err(problems) => {
                assert!(!problems.is_empty() && problems.iter().all(|p| p.key.starts_with("steward:")), "{tags:?}");
                false
            }
        }
    });
}

#[test]
fn no_database_tag_makes_the_grammar_panic() {
    fuzz("tags of databases", |random| {
        let value = random.one(&["daily:7 weekly:4 monthly:12", "hourly:24", "yearly:1 daily:30"]);
        let value = if random.below(4) == 0 { (*value).to_owned() } else { mangled(value, random) };
        let read = DatabaseTags::parse([("steward:snapshot", value.as_str())]);
        if let Ok(DatabaseTags { snapshot: Some(buckets), .. }) = &read {
            assert_ne!(*buckets, Buckets::default(), "{value}: a policy that keeps nothing");
        }
        read.is_ok()
    });
}

#[test]
fn no_image_reference_makes_the_parser_panic_or_changes_when_it_is_written_again() {
    let digest: Digest = format!("sha256:{}", "0f".repeat(32)).parse().unwrap();
    let references = [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/backend:1.4.2".to_owned(),
        format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/backend@{digest}"),
        format!("ghcr.io/acme/api:main@{digest}"),
        "nginx".to_owned(),
        "localhost:5000/a/b:c".to_owned(),
        "public.ecr.aws/docker/library/redis:7-alpine".to_owned(),
    ];
    fuzz("image references", |random| {
        let text = random.one(&references).clone();
        let text = mangled(&text, random);
        let _ = (text.parse::<ImageTag>(), text.parse::<Digest>(), text.parse::<Policy>());
        let Ok(reference) = text.parse::<ImageReference>() else { return false };
        assert_eq!(reference.to_string(), text);
        let pinned = reference.pinned(&digest);
        let again: ImageReference = pinned.parse().unwrap();
        assert_eq!((&again.repository, again.digest.as_ref()), (&reference.repository, Some(&digest)), "{text}");
        let repository: Repository = reference.repository.to_string().parse().unwrap();
        assert_eq!(repository, reference.repository, "{text}");
        true
    });
}
