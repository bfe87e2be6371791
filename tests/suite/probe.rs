//! A function that does what its payload's first message says: answers, answers too much, fails, dies, hangs.

#![expect(clippy::indexing_slicing, reason = "of a JSON value it cannot panic: what is not there is null")]

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let body = event.payload["Records"][0]["body"].as_str().unwrap_or_default().to_owned();
    let order: Value = serde_json::from_str(&body)?;
    match order["detail"]["do"].as_str() {
        Some("fail") => Err("as ordered".into()),
        Some("swell") => Ok(json!("x".repeat(7 * 1024 * 1024))),
        Some("exit") => std::process::exit(3),
        Some("hang") => {
            std::future::pending::<()>().await;
            Ok(Value::Null)
        }
        _ => {
            use std::io::Write as _;
            writeln!(std::io::stdout(), "{}", json!({ "pid": std::process::id() }))?;
            Ok(json!({
                "batchItemFailures": [],
                "pid": std::process::id(),
                "request": event.context.request_id,
                "function": event.context.invoked_function_arn,
                "in-time": event.context.deadline() > std::time::SystemTime::UNIX_EPOCH,
                "environment": environment(),
            }))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what the host sets is what is tested")]
fn environment() -> Vec<(String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with("PROBE")).collect()
}
