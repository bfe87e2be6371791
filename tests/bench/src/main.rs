//! Measures binaries: starts each as Lambda would, lets the simulated account happen to it behind TLS, and writes down what each
//! invocation took. Who is measured and how often is read from standard input; what was measured goes to a file, one JSON
//! document a line.
//!
//! The subjects take turns, round by round, so that a busy machine is as busy for one as for the other.

mod certificate;
mod command;
mod counted;
mod endpoint;
mod kernel;
mod measured;
mod scene;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::json;

use crate::certificate::Chain;
use crate::measured::Sample;
use crate::scene::Scene;

/// What a benchmark answers where something does not do as it is told.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// How often a subject may fail to start or to do its work, less one.
const ATTEMPTS: u32 = 3;

/// What is to be measured.
#[derive(Debug, Deserialize)]
struct Plan {
    /// A folder for certificates.
    folder: PathBuf,
    template: PathBuf,
    /// Where samples go.
    out: PathBuf,
    /// How often each subject is started.
    rounds: u32,
    subjects: Vec<Subject>,
}

/// One binary in one scene.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) scene: scene::Kind,
    pub(crate) binary: PathBuf,
    /// Further variables of its environment.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    /// How often the scene's event happens again while the process is warm.
    #[serde(default)]
    pub(crate) again: u32,
    /// Where there are any, the binary is a command that is run once with them, and no function.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
}

impl Subject {
    /// The subject as a copy of its binary that is made for one start. Where the pages of a file happen to lie in the page cache
    /// is worth up to a tenth of a start, and no file shall have all the luck. A script stays where its parts are.
    fn copied(&self, folder: &Path) -> Result<Self> {
        let mut magic = [0; 4];
        std::fs::File::open(&self.binary)?.read_exact(&mut magic)?;
        if magic != *b"\x7fELF" {
            return Ok(self.clone());
        }
        let binary = std::path::absolute(folder)?.join("started");
        if binary.exists() {
            std::fs::remove_file(&binary)?;
        }
        std::fs::copy(&self.binary, &binary)?;
        Ok(Self { binary, ..self.clone() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Started by itself, as a function, it is the one whose allocations are counted.
    if shared::config::environment("AWS_LAMBDA_RUNTIME_API").is_some() {
        return shared::function::serve::<counted::Counted>().await;
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let plan: Plan = serde_json::from_str(&text)?;
    let template = std::fs::read_to_string(&plan.template)?;
    let chain = Chain::new()?;
    let trust = Trust::write(&chain, &plan.folder)?;
    let mut out = std::fs::File::create(&plan.out)?;
    writeln!(out, "{}", json!({ "roots": trust.roots }))?;
    for round in 0..plan.rounds {
        for subject in &plan.subjects {
            let subject = subject.copied(&plan.folder)?;
            for sample in play(&subject, &template, &chain, &trust).await? {
                let sample = serde_json::to_value(sample)?;
                writeln!(out, "{}", json!({ "subject": subject.name, "round": round, "sample": sample }))?;
            }
        }
    }
    Ok(())
}

/// One start of a subject, with all that happens to it. A machine that is too busy for it is given another chance.
async fn play(subject: &Subject, template: &str, chain: &Chain, trust: &Trust) -> Result<Vec<Sample>> {
    let mut left = ATTEMPTS;
    loop {
        let mut scene = Scene::set(subject, template, chain, trust).await?;
        let played = match subject.arguments.as_slice() {
            [] => scene.play(subject.again).await,
            arguments => scene.run(arguments).await,
        };
        left -= 1;
        match played {
            Ok(samples) => return Ok(samples),
            Err(error) if left == 0 => return Err(format!("{}: {error}", subject.name).into()),
            Err(error) => writeln!(std::io::stderr(), "AGAIN  {}: {error}", subject.name)?,
        }
    }
}

/// Files with root certificates.
pub(crate) struct Trust {
    /// The system's and ours.
    pub(crate) bundle: PathBuf,
    /// Ours, for who brings its own bundle and takes more beside it.
    pub(crate) alone: PathBuf,
    roots: usize,
}

impl Trust {
    fn write(chain: &Chain, folder: &Path) -> Result<Self> {
        let (bundle, alone) = (folder.join("bundle.pem"), folder.join("root.pem"));
        let roots = chain.write_bundle(&bundle, &alone)?;
        Ok(Self { bundle, alone, roots })
    }
}

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Simulated time begins at real time: a binary reads the real clock.
#[expect(clippy::disallowed_methods, reason = "the scene begins now")]
pub(crate) fn now() -> Result<Timestamp> {
    Ok(Timestamp::try_from(SystemTime::now())?)
}
