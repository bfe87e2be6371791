//! A command of somebody's shell, run to its end against the endpoint.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use crate::endpoint::Spent;
use crate::measured::{Sample, millis};
use crate::{Result, instant};

/// What to run, and how it finds the endpoint.
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) spent: Spent,
}

impl Command {
    /// Runs it; a failure carries what it wrote.
    pub(crate) async fn run(&self, arguments: &[String]) -> Result<Sample> {
        let mut command = tokio::process::Command::new(&self.program);
        command.env_clear().envs(&self.variables).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let own = [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1"), ("LC_ALL", "C.UTF-8")];
        command.envs(own).env("AWS_ACCESS_KEY_ID", "person").env("AWS_SECRET_ACCESS_KEY", "lab");
        let (began, spent) = (instant(), self.spent.get());
        let output = command.output().await?;
        if !output.status.success() {
            let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            return Err(format!("{}: {}", output.status, texts.concat()).into());
        }
        Ok(Sample {
            event: "a command".to_owned(),
            took: millis(began.elapsed()),
            endpoint: millis(self.spent.get().saturating_sub(spent)),
            ..Sample::default()
        })
    }
}
