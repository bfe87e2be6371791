//! Tasks that never run: people hear why, in plain words, at the first of them.

use lab::ecs::{Behaviour, PullError, ResourceError, StartFailure};

use crate::support::Stack;

#[tokio::test]
async fn why_tasks_do_not_start_is_told_at_the_first_of_them_and_no_more_often_than_it_grows() {
    let pull = StartFailure::CannotPull;
    let resource = StartFailure::ResourceInitialization;
    for (failure, class, words) in [
        (pull(PullError::NotFound), "pull-missing", "does not exist"),
        (pull(PullError::WrongPlatform), "pull-missing", "platform"),
        (pull(PullError::NotAuthorized), "pull-denied", "may not be pulled"),
        (pull(PullError::RateLimited), "pull-transient", "throttles"),
        (resource(ResourceError::SecretDenied), "secret", "may not be read"),
        (resource(ResourceError::SecretNotFound), "secret", "does not exist"),
        (resource(ResourceError::Network), "infrastructure-network", "out of reach"),
        (resource(ResourceError::LogGroupNotFound), "log-config", "log configuration"),
        (StartFailure::CommandNotFound, "bad-start", "could not be started"),
        (StartFailure::OutOfMemoryAtInit, "out-of-memory", "ran out of memory"),
        (StartFailure::CapacityUnavailable, "capacity", "no capacity"),
        (StartFailure::NetworkInterfaceTimeout, "infrastructure-network", "network interface"),
    ] {
        let mut stack = Stack::healing("dry-run");
        stack.well("api", &[("steward:heal", "dry-run")]).await;
        stack.account.outage(&[("shop", "api")], Behaviour::FailsToStart(failure));
        stack.account.end_task("shop", "api", lab::ecs::StopCause::Maintenance).unwrap();
        stack.minutes(12).await;
        let told = stack.told();
        let titles: Vec<&str> = told.iter().map(|told| told.title.as_str()).collect();
        assert!((1..=4).contains(&told.len()), "{failure:?}: {titles:?}");
        assert_eq!(told[0].fact("class"), class, "{failure:?}: {}", told[0].message);
        assert!(told[0].title.contains(words), "{failure:?}: {titles:?}");
    }
}
