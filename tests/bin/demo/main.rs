//! `make demo`: the real binaries at work for six teams, in a simulated account and simulated time.
//!
//! Every step is an expectation. The last line counts them, and the exit code is 1 when one was not met.

#![expect(clippy::indexing_slicing, reason = "of a JSON value it cannot panic: what is not there is null")]

mod cast;
mod closing;
mod ledger;
mod nights;
mod page;
mod picture;
mod reading;
mod stage;
mod story;
mod timeline;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;

use crate::page::Look;
use crate::stage::{Result, Stage};

const USAGE: &str = "usage: demo FOLDER [--picture FILE.svg]: the folder with the functions' binaries, for example target/release, \
    and where a picture of the whole run goes besides its page";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let (folder, picture) = match arguments.as_slice() {
        [folder] => (PathBuf::from(folder), None),
        [folder, flag, file] if flag == "--picture" => (PathBuf::from(folder), Some(PathBuf::from(file))),
        _ => return Err(USAGE.into()),
    };
    let of = |name: &str| size(&folder.join(name)).map(|size| format!("{name} ({size})"));
    let sizes = format!("{}, {}, {} and {}", of("deploy")?, of("migrate")?, of("heal")?, of("snapshot")?);
    let started = instant();
    let mut stage = Stage::set(now()?, &folder).await?;
    let begin = stage.now();
    let title = format!("Steward: the real {sizes} of {} in a simulated AWS account", folder.display());
    stage.page.plain(Look::Bold, &title);
    stage.page.plain(
        Look::Dim,
        "Rules, queues and schedules are those of template.yaml. Times are simulated, h:mm:ss since the start. ECR, ECS,\n\
         CI and people act; deploy decides, its line is its own decision record: [what woke it, AWS calls it made]. heal\n\
         looks after what runs, its lines are what it tells people; migrate migrates first where a service wants that.",
    );
    if let Err(problem) = story::play(&mut stage).await {
        stage.check(false, &format!("the story breaks off: {problem}"));
    }
    let end = stage.now();
    stage.page.chronicle.pause(end);
    let mut simulated = stage.now().duration_since(begin);
    let nights = nights::play(&mut stage.page, &folder, &stage.cold_starts).await?;
    simulated += nights.simulated;
    stage.past.extend(nights.ledgers);
    let real = instant().duration_since(started);
    closing::report(&mut stage, simulated, real);
    closing::draw(&mut stage, &folder, picture.as_deref())?;
    Ok(if stage.page.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How large a binary is.
fn size(binary: &Path) -> Result<String> {
    let size = std::fs::metadata(binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    Ok(format!("{}.{} MB", size / 1_000_000, size / 100_000 % 10))
}

/// Simulated time begins at real time: the binary reads the real clock.
#[expect(clippy::disallowed_methods, reason = "the story begins now")]
fn now() -> Result<Timestamp> {
    Ok(Timestamp::try_from(SystemTime::now())?)
}

#[expect(clippy::disallowed_methods, reason = "how long the demo takes is real time")]
fn instant() -> Instant {
    Instant::now()
}
