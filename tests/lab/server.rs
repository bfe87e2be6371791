//! The account over loopback: for the AWS CLI, boto3 and the real binaries.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::account::{Account, LostReply};

/// Largest request body, above every limit of the simulated services.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `account` at `address`; port 0 takes a free one.
    pub async fn start(account: Account, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(account.clone(), stream));
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(account: Account, stream: TcpStream) {
    let service = service_fn(move |request| answer(account.clone(), request));
    // A client that goes away in the middle is no concern of the account.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The answer; the error makes hyper close the connection without one.
async fn answer(account: Account, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else { return plain(413) };
    let response = account.serve(Request::from_parts(parts, body.to_bytes())).await;
    if response.extensions().get::<LostReply>().is_some() {
        return Err(io::Error::other("the reply is lost, as ordered"));
    }
    Ok(response.map(Full::new))
}

/// An answer without a body.
pub(crate) fn plain(status: u16) -> Result<Response<Full<Bytes>>, io::Error> {
    Response::builder().status(status).body(Full::default()).map_err(io::Error::other)
}
