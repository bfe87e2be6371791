//! Lambda's Runtime API, as a custom runtime sees it: one server for one process of a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::function::Invocation;
use crate::server::plain;

/// Most bytes of an answer: 6 MiB and room for a frame, as the error message says that Lambda gives.
const MOST: usize = 6_291_556;

/// What a process told its Runtime API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// It asks for the next invocation.
    Ready,
    /// The result of an invocation.
    Answered(String, Value),
    /// An invocation failed: its id and the error document.
    Failed(String, Value),
    /// It could not start.
    NotStarted(Value),
}

/// The Runtime API of one process. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    pub(crate) work: mpsc::UnboundedSender<Invocation>,
    pub(crate) told: mpsc::UnboundedReceiver<Told>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    arn: String,
    work: Mutex<mpsc::UnboundedReceiver<Invocation>>,
    tell: mpsc::UnboundedSender<Told>,
}

impl RuntimeApi {
    /// Listens on loopback for a process of the function `arn`.
    pub(crate) async fn start(arn: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (work, receiver) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { arn: arn.to_owned(), work: Mutex::new(receiver), tell });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(Arc::clone(&shared), stream));
            }
        });
        Ok(Self { address, work, told, task })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let path = request.uri().path().to_owned();
    let get = request.method() == Method::GET;
    let steps: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
    let told = match steps.as_slice() {
        ["invocation", "next"] if get => return next(&shared).await,
        ["invocation", id, "response"] => match document(request).await {
            Err(413) => {
                let _ = shared.tell.send(Told::Failed((*id).to_owned(), too_large()));
                return plain(413);
            }
            answer => answer.map(|answer| Told::Answered((*id).to_owned(), answer)),
        },
        ["invocation", id, "error"] => document(request).await.map(|error| Told::Failed((*id).to_owned(), error)),
        ["init", "error"] => document(request).await.map(Told::NotStarted),
        _ => Err(404),
    };
    match told {
        Ok(told) => {
            let _ = shared.tell.send(told);
            plain(202)
        }
        Err(status) => plain(status),
    }
}

/// A body that is not JSON is handed on as text: what it means is the caller's to judge.
///
/// # Errors
/// The status of the answer. A body that is too large is read to its end all the same, so that the process hears the answer.
async fn document(request: Request<Incoming>) -> Result<Value, u16> {
    let mut body = request.into_body();
    match Limited::new(&mut body, MOST).collect().await {
        Ok(read) => {
            let read = read.to_bytes();
            Ok(serde_json::from_slice(&read).unwrap_or_else(|_| json!(String::from_utf8_lossy(&read))))
        }
        Err(error) if error.is::<LengthLimitError>() => {
            while body.frame().await.is_some_and(|frame| frame.is_ok()) {}
            Err(413)
        }
        Err(_) => Err(400),
    }
}

/// What the caller is told in place of an answer that Lambda does not take.
fn too_large() -> Value {
    let message = format!("Response payload size exceeded maximum allowed payload size ({MOST} bytes).");
    json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": message })
}

async fn next(shared: &Shared) -> Result<Response<Full<Bytes>>, io::Error> {
    let _ = shared.tell.send(Told::Ready);
    let Some(invocation) = shared.work.lock().await.recv().await else { return plain(503) };
    let left = Duration::try_from(invocation.timeout).unwrap_or_default();
    let deadline = since_epoch().saturating_add(left).as_millis();
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", &shared.arn)
        .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
        .body(Full::from(invocation.payload.to_string()))
        .map_err(io::Error::other)
}

/// Real time: a process reads the real clock, so its deadline is one of that clock.
#[expect(clippy::disallowed_methods, reason = "the deadline of a real process is in real time")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
