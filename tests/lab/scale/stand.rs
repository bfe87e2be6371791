//! Where a scene stands: the account of the template, with nothing in it yet.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::account::Account;
use crate::clock::VirtualClock;
use crate::function::FunctionError;
use crate::template::{FunctionSpec, Template};
use crate::wire::ApiError;
use crate::world::{RunsInCircles, World};

/// An account with the stack in it, without functions.
#[derive(Debug)]
pub struct Stand {
    /// The account.
    pub account: Account,
    /// The stack.
    pub world: World,
    /// What was deployed.
    pub template: Arc<Template>,
}

/// Why something could not be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeasured(pub String);

impl fmt::Display for NotMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotMeasured {}

impl From<ApiError> for NotMeasured {
    fn from(error: ApiError) -> Self {
        Self(format!("{}: {}", error.code, error.message))
    }
}

impl From<RunsInCircles> for NotMeasured {
    fn from(error: RunsInCircles) -> Self {
        Self(error.to_string())
    }
}

impl From<FunctionError> for NotMeasured {
    fn from(error: FunctionError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for NotMeasured {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl Stand {
    /// The stack of `template`, on the morning of a November day. Calls take no time yet.
    pub fn new(template: &Arc<Template>) -> Self {
        let start = "2026-11-20T10:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let account = Account::new(VirtualClock::starting_at(start));
        let world = World::new(account.clone(), template.clone());
        Self { account, world, template: template.clone() }
    }

    /// The function with this logical id.
    ///
    /// # Errors
    /// When the template has none.
    pub fn function(&self, id: &str) -> Result<FunctionSpec, NotMeasured> {
        self.template.function(id).cloned().ok_or_else(|| NotMeasured(format!("the template has no {id}")))
    }
}
