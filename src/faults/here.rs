//! Plans for one thread, for unit tests: what they run happens on that thread alone.
//!
//! Always true: what one test plans touches no other, and is gone when its scenario is over.
//! Not done: threads that the scenario starts are not under the plan.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use super::{Operation, Plan, Reached, What};

/// Counts changes of the disk only, by which the crash order is told.
#[derive(Default)]
struct Steps {
    left: Option<usize>,
    /// Stopped: nothing reaches the disk any more. Otherwise one step fails, and the next ones work.
    stops: bool,
    taken: Vec<String>,
}

thread_local!(static STEPS: RefCell<Steps> = RefCell::default());
thread_local!(static PLAN: RefCell<Option<(Plan, Reached)>> = const { RefCell::new(None) });

pub(super) fn step(operation: Operation, path: &Path) -> io::Result<()> {
    if !operation.is_change() {
        return Ok(());
    }
    STEPS.with_borrow_mut(|steps| {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let operation = operation.name();
        match &mut steps.left {
            Some(0) => {
                if !steps.stops {
                    steps.left = None;
                }
                return Err(io::Error::other(format!("stopped before: {operation} {name}")));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        steps.taken.push(format!("{operation} {name}"));
        Ok(())
    })
}

pub(super) fn reach(operation: Operation, path: &Path) -> Option<What> {
    PLAN.with_borrow_mut(|planned| {
        let (plan, reached) = planned.as_mut()?;
        plan.counts(operation, path).then(|| plan.reach(reached))?
    })
}

/// Runs `scenario` on this thread under a plan; how often that was reached.
pub fn planned<T>(plan: &str, scenario: impl FnOnce() -> T) -> (T, Reached) {
    let plan = Plan::parse(plan).unwrap_or_else(|| panic!("{plan:?} is no plan"));
    PLAN.set(Some((plan, Reached::default())));
    let result = scenario();
    (result, PLAN.take().expect("set above").1)
}

/// Runs `scenario` on this thread as a process that is killed after `steps` changes of the disk.
pub fn stop_after<T>(steps: usize, scenario: impl FnOnce() -> T) -> T {
    run(steps, true, scenario)
}

/// Runs `scenario` with its (`steps` + 1)-th change of the disk failing, once.
pub fn fail_once_after<T>(steps: usize, scenario: impl FnOnce() -> T) -> T {
    run(steps, false, scenario)
}

fn run<T>(steps: usize, stops: bool, scenario: impl FnOnce() -> T) -> T {
    STEPS.set(Steps { left: Some(steps), stops, taken: Vec::new() });
    let result = scenario();
    STEPS.set(Steps::default());
    result
}

/// A line of one's own among the steps that are recorded.
#[cfg(sendlog_shuttle)]
pub fn mark(what: String) {
    STEPS.with_borrow_mut(|steps| steps.taken.push(what));
}

/// What `scenario` does to the disk, step by step.
pub fn record<T>(scenario: impl FnOnce() -> T) -> (T, Vec<String>) {
    STEPS.set(Steps::default());
    let result = scenario();
    (result, STEPS.take().taken)
}
