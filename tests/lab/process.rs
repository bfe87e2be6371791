//! A function's real binary, run as Lambda runs it: started on the first invocation, kept warm, killed at its timeout,
//! started anew after it died.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::account::Account;
use crate::function::{Function, FunctionError, Invocation, Running};
use crate::runtime_api::{RuntimeApi, Told};
use crate::template::FunctionSpec;

/// How long a process may take to ask for its first invocation. Lambda gives it ten seconds; a machine that builds beside may
/// need more, and how long it took is measured anyway.
const INIT_TIMEOUT: Duration = Duration::from_mins(2);

/// How long to wait after an answer until the process asks for more: by then its log lines are written. It asks within
/// milliseconds, unless the machine is busy; to go on without it would lose lines.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Turns that the readers of the log are given after the last one that brought a line.
const QUIET_TURNS: u32 = 10;

/// A binary as a function.
#[derive(Debug)]
pub struct Process {
    account: Account,
    arn: String,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    live: Option<Live>,
    log: Arc<Mutex<Vec<String>>>,
    cold_starts: Vec<ColdStart>,
    took: Duration,
}

/// How long a start took, in real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdStart {
    /// From the start of the process until it asked for work.
    pub ready: Duration,
    /// From the start of the process until its first answer; `None` when there was none.
    pub answered: Option<Duration>,
}

#[derive(Debug)]
struct Live {
    child: Child,
    api: RuntimeApi,
    started: Instant,
}

impl Process {
    /// The binary of `spec` in `folder`, whose AWS calls go to `endpoint`.
    pub fn new(account: &Account, spec: &FunctionSpec, folder: &Path, endpoint: &str) -> Self {
        let mut environment = spec.environment.clone();
        // The certificates of Amazon Linux are not everywhere; over plain HTTP nobody needs them.
        environment.retain(|name, value| name != "SSL_CERT_FILE" || Path::new(value).exists());
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", spec.name.as_str()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &spec.memory.to_string()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", spec.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "lab"),
            ("AWS_REGION", crate::context::REGION),
            ("AWS_DEFAULT_REGION", crate::context::REGION),
            ("AWS_ACCESS_KEY_ID", spec.name.as_str()),
            ("AWS_SECRET_ACCESS_KEY", "lab"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("_HANDLER", "bootstrap"),
            ("TZ", ":UTC"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        Self {
            account: account.clone(),
            arn: spec.arn.clone(),
            binary: folder.join(&spec.binary),
            environment,
            live: None,
            log: Arc::default(),
            cold_starts: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Sets one more variable of the process's environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Every start so far.
    pub fn cold_starts(&self) -> &[ColdStart] {
        &self.cold_starts
    }

    /// How long the last invocation took in real time, from when it was handed out until it was answered; a start is not in it.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Id of the process that is kept warm.
    pub fn pid(&self) -> Option<u32> {
        self.live.as_ref().and_then(|live| live.child.id())
    }

    async fn start(&self) -> io::Result<Live> {
        let api = RuntimeApi::start(&self.arn).await?;
        let mut command = Command::new(&self.binary);
        command.env_clear().envs(&self.environment).env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let started = now();
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(collect(stdout, Arc::clone(&self.log)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(collect(stderr, Arc::clone(&self.log)));
        }
        Ok(Live { child, api, started })
    }

    async fn run(&mut self, invocation: Invocation) -> Result<Value, FunctionError> {
        let crash = self.account.crash();
        crash.take();
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.start_until_ready().await?,
        };
        let timeout = Duration::try_from(invocation.timeout).unwrap_or_default();
        let id = invocation.id.clone();
        let caller = self.environment.get("AWS_ACCESS_KEY_ID").cloned().unwrap_or_default();
        let handed_out = now();
        let _ = live.api.work.send(invocation);
        let result = tokio::select! {
            biased;
            () = crash.ordered_for(&caller) => Err(FunctionError::Crashed("killed in the middle of a call".to_owned())),
            result = tokio::time::timeout(timeout, live.answer(&id)) => result.unwrap_or(Err(FunctionError::TimedOut)),
        };
        self.took = now().duration_since(handed_out);
        match &result {
            Ok(_) | Err(FunctionError::Reported { .. }) => {
                if let Some(cold) = self.cold_starts.last_mut().filter(|cold| cold.answered.is_none()) {
                    cold.answered = Some(now().duration_since(live.started));
                }
                let asks = async {
                    tokio::select! {
                        biased;
                        _ = live.api.told.recv() => {}
                        // One that ends after its answer asks for nothing more.
                        _ = live.child.wait() => {}
                    }
                };
                let _ = tokio::time::timeout(SETTLE_TIMEOUT, asks).await;
                self.live = Some(live);
            }
            Err(_) => {
                let _ = live.child.kill().await;
            }
        }
        // The lines are in the pipe; give the tasks that read it their turn.
        let lines = || self.log.lock().unwrap_or_else(PoisonError::into_inner).len();
        let (mut quiet, mut known) = (0, lines());
        while quiet < QUIET_TURNS {
            tokio::task::yield_now().await;
            let now = lines();
            quiet = if now == known { quiet + 1 } else { 0 };
            known = now;
        }
        result
    }

    async fn start_until_ready(&mut self) -> Result<Live, FunctionError> {
        let binary = self.binary.display().to_string();
        let not_started = |problem: String| FunctionError::Crashed(format!("{binary} did not start: {problem}"));
        let mut live = self.start().await.map_err(|error| not_started(error.to_string()))?;
        let told = tokio::select! {
            biased;
            told = tokio::time::timeout(INIT_TIMEOUT, live.api.told.recv()) => told,
            status = live.child.wait() => {
                return Err(not_started(status.map_or_else(|error| error.to_string(), |status| status.to_string())));
            }
        };
        match told {
            Ok(Some(Told::Ready)) => {
                self.cold_starts.push(ColdStart { ready: now().duration_since(live.started), answered: None });
                Ok(live)
            }
            Ok(Some(Told::NotStarted(error))) => Err(not_started(error.to_string())),
            Ok(other) => Err(not_started(format!("{other:?}"))),
            Err(_) => Err(not_started("it asked for no work within two minutes".to_owned())),
        }
    }
}

impl Live {
    /// Waits for the end of the invocation `id`, one way or another.
    async fn answer(&mut self, id: &str) -> Result<Value, FunctionError> {
        loop {
            let told = tokio::select! {
                biased;
                told = self.api.told.recv() => told,
                status = self.child.wait() => {
                    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    return Err(FunctionError::Crashed(how));
                }
            };
            match told {
                Some(Told::Answered(of, answer)) if of == id => return Ok(answer),
                Some(Told::Failed(of, error)) if of == id => {
                    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
                    return Err(FunctionError::Reported { kind: text("errorType"), message: text("errorMessage") });
                }
                Some(_) => {}
                None => return Err(FunctionError::Crashed("the Runtime API is gone".to_owned())),
            }
        }
    }
}

impl Function for Process {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        Box::pin(self.run(invocation))
    }

    fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn collect(stream: impl AsyncRead + Unpin, log: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a real process takes is measured in real time")]
fn now() -> Instant {
    Instant::now()
}
