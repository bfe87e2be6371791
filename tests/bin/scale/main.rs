//! `make scale`: what scale costs, measured with the functions' binaries and written to `docs/scale.md` and
//! `docs/scale.svg`.

mod chart;
mod measure;
mod page;
mod plot;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use jiff::SignedDuration;
use lab::scale::fleet::{Fleet, Mode};
use lab::scale::roll::{Roll, least, roll};
use lab::template::Template;

use crate::measure::{Row, What};

const USAGE: &str = "scale FOLDER [--write DOCS] [--most N]
  FOLDER        where the functions' binaries are, for example target/release
  --write DOCS  the folder with scale.md and scale.svg, which are written anew
  --most N      nothing larger than this, for a quick look
  --only WORD   sweeps or pushes
";

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Budget of the stack that is measured, in percent: the template's default.
const PERCENT: u8 = 50;

/// All that was measured.
#[derive(Debug, Default)]
struct Figures {
    rows: Vec<Row>,
    rolls: Vec<(Fleet, Roll)>,
}

struct Options {
    folder: PathBuf,
    docs: Option<PathBuf>,
    most: usize,
    only: Option<String>,
}

fn main() -> Result<ExitCode> {
    shared::metrics::silence();
    let Some(options) = options(std::env::args().skip(1))? else {
        write!(stdout(), "{USAGE}")?;
        return Ok(ExitCode::FAILURE);
    };
    let template = Arc::new(Template::read(include_str!("../../../template.yaml"), &BTreeMap::new())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(figures(&template, &options))?;
    match &options.docs {
        Some(docs) => write(&figures, docs)?,
        None => write!(stdout(), "\n{}", page::tables(&figures))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let Some(folder) = arguments.next().filter(|first| !first.starts_with('-')) else { return Ok(None) };
    let mut options = Options { folder: folder.into(), docs: None, most: usize::MAX, only: None };
    while let Some(option) = arguments.next() {
        match (option.as_str(), arguments.next()) {
            ("--write", Some(docs)) => options.docs = Some(docs.into()),
            ("--most", Some(most)) => options.most = most.parse()?,
            ("--only", Some(word)) => options.only = Some(word),
            _ => return Ok(None),
        }
    }
    Ok(Some(options))
}

async fn figures(template: &Arc<Template>, options: &Options) -> Result<Figures> {
    let mut figures = Figures::default();
    let wants = |word: &str| options.only.as_deref().is_none_or(|only| only == word);
    for what in What::ALL.into_iter().filter(|_| wants("sweeps")) {
        for size in what.sizes().iter().copied().filter(|size| *size <= options.most) {
            for row in measure::measure(template, what, size, &options.folder).await? {
                writeln!(stdout(), "{}", page::line(&row))?;
                figures.rows.push(row);
            }
        }
    }
    for (services, definitions, mode) in [
        (10, 10, Mode::Force),
        (100, 10, Mode::Force),
        (1000, 10, Mode::Force),
        (1000, 10, Mode::Pin),
        (1000, 50, Mode::Pin),
        (10_000, 50, Mode::Force),
        (10_000, 50, Mode::Pin),
    ] {
        if services > options.most || !wants("pushes") {
            continue;
        }
        let fleet = Fleet { services, clusters: services.min(10), definitions, mode };
        let limit = least(&fleet, PERCENT) * 4 + SignedDuration::from_mins(10);
        let rolled = roll(template, &fleet, limit).await?;
        writeln!(stdout(), "{}", page::roll_line(&fleet, &rolled))?;
        figures.rolls.push((fleet, rolled));
    }
    Ok(figures)
}

fn write(figures: &Figures, docs: &Path) -> Result<()> {
    let page = docs.join("scale.md");
    let text = std::fs::read_to_string(&page)?;
    std::fs::write(&page, page::renewed(&text, &page::tables(figures)).ok_or("scale.md has no place for figures")?)?;
    std::fs::write(docs.join("scale.svg"), plot::svg(figures))?;
    Ok(())
}
