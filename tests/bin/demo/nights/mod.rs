//! A stage of its own for `snapshot`: the same template and the real binary, and weeks that pass in seconds.
//!
//! The binary takes the time of the event that wakes it for now (`STEWARD_CLOCK=event`), which only a simulation may ask of
//! it. The schedule of the template is switched on for the moments at which there is something to see.

mod acts;
mod telling;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::function::{Function as _, Invocation};
use lab::process::Process;
use lab::rds::RdsRegion;
use lab::server::Server;
use lab::steward::SNAPSHOT;
use lab::world::{Step, World};
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::page::Page;
use crate::stage::{Result, SharedStarts, Timed, template};
use telling::{Shown, Telling};

/// Where the databases are at home: the days of snapshots begin at two in the morning there.
const ZONE: &str = "Europe/Berlin";

/// The evening before the first night. The binary follows the time of events forward only, so this lies well ahead of any
/// real clock; a fixed date, since weeks and months fall differently in each year.
const EVE: &str = "2037-02-27T19:00:00Z";

/// How often the template's schedule fires.
const BETWEEN_SWEEPS: SignedDuration = SignedDuration::from_mins(15);

/// Where copies are kept.
const ELSEWHERE: &str = "eu-central-1";

/// Everything that the nights are played with.
pub(crate) struct Nights<'a> {
    page: &'a mut Page,
    account: Account,
    world: World,
    /// The function once more, for direct invocations: of these one sees what it returns.
    direct: Process,
    /// Since the act began.
    ledger: Ledger,
    past: Vec<Ledger>,
    telling: Telling,
    steps: Rc<RefCell<Vec<(Timestamp, Step)>>>,
    zone: TimeZone,
    /// The account's API; it ends with the nights.
    _server: Server,
}

/// What the nights leave behind for the closing.
pub(crate) struct Past {
    pub(crate) ledgers: Vec<Ledger>,
    pub(crate) simulated: SignedDuration,
}

/// Plays all nights.
pub(crate) async fn play(page: &mut Page, binaries: &Path, cold_starts: &SharedStarts) -> Result<Past> {
    let mut nights = Nights::set(page, binaries, cold_starts).await?;
    let begin = nights.world.now();
    let played = acts::play(&mut nights).await;
    if let Err(problem) = played {
        nights.page.check(false, &format!("the nights break off: {problem}"));
    }
    let Nights { page, world, ledger, mut past, .. } = nights;
    page.chronicle.pause(world.now());
    past.push(ledger);
    Ok(Past { ledgers: past, simulated: world.now().duration_since(begin) })
}

impl<'a> Nights<'a> {
    /// Deploys the stack on the eve, with the binary of `folder` behind its queue.
    async fn set(page: &'a mut Page, folder: &Path, cold_starts: &SharedStarts) -> Result<Self> {
        let account = Account::new(VirtualClock::starting_at(EVE.parse()?));
        let server = Server::start(account.clone(), ([127, 0, 0, 1], 0).into()).await?;
        let template = Arc::new(template(&[("SnapshotTimeZone", ZONE)])?);
        let mut world = World::new(account.clone(), Arc::clone(&template));
        world.stop_schedules();
        let steps = Rc::<RefCell<Vec<(Timestamp, Step)>>>::default();
        let seen = Rc::clone(&steps);
        world.observe(Box::new(move |at, step| seen.borrow_mut().push((at, step.clone()))));
        let spec = template.function(SNAPSHOT).ok_or("the template has no SnapshotFunction")?;
        let process =
            || Process::new(&account, spec, folder, &server.endpoint()).with_variable("STEWARD_CLOCK", "event");
        world.attach(&spec.id, Box::new(Timed::new(&spec.binary, process(), cold_starts)));
        let (direct, zone) = (process(), TimeZone::get(ZONE)?);
        let (ledger, telling) = (Ledger::default(), Telling::new(zone.clone()));
        Ok(Self { page, account, world, direct, ledger, past: Vec::new(), telling, steps, zone, _server: server })
    }

    /// Begins an act.
    fn act(&mut self, title: &str, what: &str) {
        self.page.act(self.world.now(), Some(&self.zone), title, what);
        self.past.push(std::mem::take(&mut self.ledger));
    }

    /// RDS of the region that Steward is in.
    fn rds(&self) -> RdsRegion {
        self.account.rds()
    }

    /// When it is `hour:minute` in local time; where the clock leaves that out, as much later as it jumps.
    fn at(&self, date: Date, hour: i8, minute: i8) -> Result<Timestamp> {
        Ok(date.at(hour, minute, 0, 0).to_zoned(self.zone.clone())?.timestamp())
    }

    /// Lets the schedule fire once, at this time.
    async fn sweep_at(&mut self, at: Timestamp) -> Result<()> {
        const SCHEDULE: &str = "SnapshotSweepSchedule";
        self.run_until(at - BETWEEN_SWEEPS).await?;
        self.world.switch_schedule(SCHEDULE, true);
        self.run_until(at).await?;
        self.world.switch_schedule(SCHEDULE, false);
        Ok(())
    }

    /// The two sweeps of a night that matter: at the slot, and when its snapshots are there.
    async fn night(&mut self, date: Date) -> Result<()> {
        let slot = self.at(date, 2, 0)?;
        self.sweep_at(slot).await?;
        self.sweep_at(slot + BETWEEN_SWEEPS).await
    }

    /// Night after night without a word, unless somebody is told something.
    async fn nights(&mut self, first: Date, last: Date) -> Result<()> {
        let (shown, mut date) = (std::mem::replace(&mut self.telling.shown, Shown::None), first);
        while date <= last {
            self.night(date).await?;
            date = date.tomorrow()?;
        }
        self.telling.shown = shown;
        Ok(())
    }

    /// Invokes the function with a sweep of this moment, as a person may. Answers what it returns.
    async fn look(&mut self, at: Timestamp) -> Result<Value> {
        self.run_until(at).await?;
        let timeout = SignedDuration::from_secs(120);
        let payload = json!({
            "version": "0", "id": format!("look-{at}"), "detail-type": "Sweep", "source": "steward",
            "account": lab::context::ACCOUNT_ID, "time": at.to_string(), "region": lab::context::REGION,
            "resources": [], "detail": {},
        });
        let invocation = Invocation { id: format!("look-{at}"), payload, timeout, deadline: at + timeout };
        Ok(self.direct.invoke(invocation).await?)
    }

    /// Puts an event on the bus that asks for a snapshot.
    async fn request(&mut self, id: &str, detail: &Value) -> Result<()> {
        let event = json!({
            "version": "0", "id": id, "detail-type": "Snapshot Requested", "source": "steward",
            "account": lab::context::ACCOUNT_ID, "time": self.world.now().to_string(), "region": lab::context::REGION,
            "resources": [], "detail": detail,
        });
        self.world.emit(&event);
        self.run_until(self.world.now()).await
    }

    async fn run_until(&mut self, at: Timestamp) -> Result<()> {
        self.world.run_until(at).await?;
        let steps = std::mem::take(&mut *self.steps.borrow_mut());
        for (at, step) in steps {
            self.page.chronicle.see(at, &step);
            self.telling.tell(at, &step, self.page, &mut self.ledger);
        }
        Ok(())
    }

    fn check(&mut self, met: bool, text: &str) {
        self.page.check(met, text);
    }
}
