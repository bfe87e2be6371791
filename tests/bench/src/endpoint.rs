//! The simulated account behind TLS on loopback, with an address for each service, as AWS has a host for each: whoever
//! calls five services shakes hands five times.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lab::account::Account;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certificate::Chain;
use crate::{Result, instant};

/// Services as the variables `AWS_ENDPOINT_URL_...` name them.
const SERVICES: [&str; 11] = [
    "CLOUDWATCH_LOGS",
    "DYNAMODB",
    "ECR",
    "ECS",
    "EVENTBRIDGE",
    "KMS",
    "RDS",
    "RESOURCE_GROUPS_TAGGING_API",
    "SCHEDULER",
    "SNS",
    "SQS",
];

/// How long the endpoint itself has worked on answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent(Arc<AtomicU64>);

impl Spent {
    /// Since it was started.
    pub(crate) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, more: Duration) {
        self.0.fetch_add(u64::try_from(more.as_nanos()).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// A running endpoint. It stops when it is dropped.
pub(crate) struct Endpoint {
    addresses: Vec<(&'static str, SocketAddr)>,
    spent: Spent,
    tasks: Vec<JoinHandle<()>>,
}

impl Endpoint {
    /// Serves `account`.
    pub(crate) async fn start(account: &Account, chain: &Chain) -> Result<Self> {
        let spent = Spent::default();
        let (mut addresses, mut tasks) = (Vec::new(), Vec::new());
        for service in SERVICES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            addresses.push((service, listener.local_addr()?));
            let (account, spent) = (account.clone(), spent.clone());
            let tls = TlsAcceptor::from(Arc::clone(&chain.server));
            tasks.push(tokio::task::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::task::spawn(converse(account.clone(), spent.clone(), tls.clone(), stream));
                }
            }));
        }
        Ok(Self { addresses, spent, tasks })
    }

    /// Variables that lead an SDK here.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let url = |(service, address)| (format!("AWS_ENDPOINT_URL_{service}"), format!("https://{address}"));
        self.addresses.iter().copied().map(url)
    }

    /// How long the endpoint itself has worked on answers so far.
    pub(crate) fn spent(&self) -> Spent {
        self.spent.clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn converse(account: Account, spent: Spent, tls: TlsAcceptor, stream: TcpStream) {
    // Without it an answer in two packets waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| answer(account.clone(), spent.clone(), request));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    account: Account,
    spent: Spent,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let began = instant();
    let response = account.serve(Request::from_parts(parts, body)).await;
    spent.add(began.elapsed());
    Ok(response.map(Full::new))
}
