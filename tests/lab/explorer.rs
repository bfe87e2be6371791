//! The fault explorer: the real functions, over the real SDK, in one small account after another, with everything that
//! may go wrong going wrong in each place where it may.
//!
//! A schedule is a list of choices: how far apart two pushes are, what becomes of each event, what becomes of each AWS
//! call. All schedules within a bound are run by depth-first search over these choices, further ones by chance. Each
//! begins with a new account, ends with sweeps in which nothing goes wrong, and is then judged by code that knows nothing
//! of how they decide. `docs/explorer.md` says what was explored and what is not.

pub mod case;
pub mod choices;
pub mod coverage;
pub mod designs;
pub mod heal;
mod makers;
pub mod migrate;
pub mod properties;
mod repeats;
pub mod scene;
pub mod schedule;
pub mod search;
pub mod snapshot;
