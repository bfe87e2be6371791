//! The account as an SDK's HTTP client, time source and sleep: calls without a network, waits without waiting.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};

use crate::account::{Account, LostReply};

/// Polls of a sleep in which nothing else moved the clock and no request arrived, after which the sleep itself may move it. A sleep that is an
/// SDK timeout runs beside the call that it guards, and must not overtake that call while it makes progress.
const IDLE_POLLS: usize = 16;
/// An SDK's paginator is polled once and more for each item of a page, and an item is no shorter than this, in bytes.
const BYTES_PER_POLL: usize = 32;

/// What an SDK client of the account is configured with. Clones share the account.
#[derive(Clone, Debug)]
pub struct InProcess(Account);

impl Account {
    /// The account as an SDK's HTTP client: `.http_client(account.http_client())`.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(self.clone()))
    }

    /// The account's clock as an SDK's time source and sleep: `.time_source(account.time()).sleep_impl(account.time())`.
    pub fn time(&self) -> InProcess {
        InProcess(self.clone())
    }

    /// Waits for `duration` of virtual time. Moves the clock when nothing else does.
    pub async fn sleep(&self, duration: SignedDuration) {
        VirtualSleep::new(self.clone(), duration).await;
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let account = self.0.clone();
        HttpConnectorFuture::new(async move {
            let (parts, body) = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?.into_parts();
            let body = match body.bytes() {
                Some(bytes) => Bytes::copy_from_slice(bytes),
                None => body.collect().await.map_err(ConnectorError::io)?.to_bytes(),
            };
            let response = account.serve(http::Request::from_parts(parts, body)).await;
            if response.extensions().get::<LostReply>().is_some() {
                return Err(ConnectorError::io("connection reset by peer".into()));
            }
            HttpResponse::try_from(response.map(SdkBody::from)).map_err(|e| ConnectorError::other(e.into(), None))
        })
    }
}

impl TimeSource for InProcess {
    fn now(&self) -> SystemTime {
        self.0.clock().now().into()
    }
}

impl AsyncSleep for InProcess {
    fn sleep(&self, duration: Duration) -> Sleep {
        let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        Sleep::new(VirtualSleep::new(self.0.clone(), duration))
    }
}

/// A wait on the virtual clock.
///
/// Of several waits under way only the one that ends first may move the clock, and only after it was polled a few times
/// without anything else happening.
struct VirtualSleep {
    account: Account,
    until: Timestamp,
    number: Option<u64>,
    /// The clock, and how many requests had arrived, when something was last seen to happen.
    seen: (Timestamp, u64),
    idle: usize,
}

impl VirtualSleep {
    fn new(account: Account, duration: SignedDuration) -> Self {
        let now = account.clock().now();
        let until = now.checked_add(duration).unwrap_or(Timestamp::MAX);
        let seen = (now, account.arrivals());
        Self { account, until, number: None, seen, idle: 0 }
    }
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (account, until) = (self.account.clone(), self.until);
        let now = account.clock().now();
        if now >= until {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| account.enlist(until));
        let seen = (now, account.arrivals());
        if seen != self.seen {
            (self.seen, self.idle) = (seen, 0);
        }
        self.idle += 1;
        if self.idle > IDLE_POLLS + account.answered() / BYTES_PER_POLL && account.ends_first(until, number) {
            account.advance_to(until);
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.account.dismiss(self.until, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::faults::{Fault, Plan};

    fn account() -> Account {
        Account::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH))
    }

    async fn list_clusters(account: &Account) -> Result<String, ConnectorError> {
        let request = http::Request::builder()
            .uri("https://ecs.eu-west-1.amazonaws.com/")
            .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
            .body(SdkBody::from("{}"))
            .unwrap();
        let response = account.time().call(HttpRequest::try_from(request).unwrap()).await?;
        Ok(String::from_utf8_lossy(response.body().bytes().unwrap()).into_owned())
    }

    #[tokio::test]
    async fn an_sdk_request_is_answered_without_a_network() {
        assert_eq!(list_clusters(&account()).await.unwrap(), r#"{"clusterArns":[]}"#);
    }

    #[tokio::test]
    async fn a_lost_reply_is_a_broken_connection() {
        let account = account();
        account.inject(Plan::default().always("ListClusters", Fault::LostReply).chooser());
        assert!(list_clusters(&account).await.unwrap_err().is_io());
    }

    #[tokio::test]
    async fn a_sleep_takes_its_virtual_time_and_no_real_time() {
        let account = account();
        account.sleep(SignedDuration::from_hours(5)).await;
        assert_eq!(account.clock().now().as_second(), 5 * 3600);
        assert_eq!(account.time().now(), SystemTime::UNIX_EPOCH + Duration::from_hours(5));
    }

    #[tokio::test]
    async fn a_timeout_does_not_overtake_the_shorter_wait_that_it_guards() {
        let account = account();
        let guarded = account.sleep(SignedDuration::from_secs(2));
        let timeout = account.sleep(SignedDuration::from_secs(30));
        tokio::select! {
            biased;
            () = timeout => panic!("the timeout came first"),
            () = guarded => {}
        }
        assert_eq!(account.clock().now().as_second(), 2);
    }

    #[tokio::test]
    async fn a_timeout_does_not_overtake_many_calls_that_take_no_time() {
        let account = account();
        let calls = async {
            for _ in 0..10 * IDLE_POLLS {
                list_clusters(&account).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = calls => {}
            () = account.sleep(SignedDuration::from_secs(120)) => panic!("the timeout came first"),
        }
    }

    #[tokio::test]
    async fn a_sleep_that_is_given_up_holds_no_other_up() {
        let account = account();
        {
            let mut short = std::pin::pin!(account.sleep(SignedDuration::from_secs(1)));
            assert!(poll_once(short.as_mut()).is_pending());
        }
        let mut long = std::pin::pin!(account.sleep(SignedDuration::from_secs(5)));
        assert!((0..100).any(|_| poll_once(long.as_mut()).is_ready()));
        assert_eq!(account.clock().now().as_second(), 5);
    }

    fn poll_once(future: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
