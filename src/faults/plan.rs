//! A plan: which operation fails, how, and at which call.
//!
//! As text: `append:EIO:3`, or `sync@demo-0:EIO:1+`: the operation (or `any`, or `opens` for all that need a descriptor),
//! perhaps a part of the path; what happens; at the how manieth such call, with `+` from then on.
//!
//! Always true: a plan counts only calls that what it does can happen to: a short write to what moves bytes, a lie to a sync.
//! Not done: one plan at a time; two faults that need each other are not tried.

use std::path::Path;

use super::Operation;

const ALL: &[(&str, Operation)] = &[
    ("create", Operation::Create),
    ("open", Operation::Open),
    ("read", Operation::Read),
    ("append", Operation::Append),
    ("write", Operation::Write),
    ("copy", Operation::Copy),
    ("sync", Operation::Sync),
    ("sync folder", Operation::SyncFolder),
    ("truncate", Operation::Truncate),
    ("rename", Operation::Rename),
    ("unlink", Operation::Unlink),
    ("remove folder", Operation::RemoveFolder),
    ("make folder", Operation::MakeFolder),
    ("list", Operation::List),
    ("look", Operation::Look),
    ("lock", Operation::Lock),
    ("sendfile", Operation::Sendfile),
    ("accept", Operation::Accept),
    ("thread", Operation::Thread),
];

impl Operation {
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(_, known)| *known == self).expect("all are listed").0
    }

    /// Whether it changes what is on the disk, or makes it durable.
    pub fn is_change(self) -> bool {
        use Operation::{List, Lock, Look, Open, Read};
        self.is_of_files() && !matches!(self, Open | Read | List | Look | Lock)
    }

    fn is_of_files(self) -> bool {
        !matches!(self, Operation::Sendfile | Operation::Accept | Operation::Thread)
    }

    /// Whether it needs a descriptor.
    fn opens(self) -> bool {
        use Operation::{Copy, Create, List, Lock, Open, Write};
        matches!(self, Create | Open | Write | Copy | List | Lock)
    }

    /// Whether it needs room on the disk.
    fn needs_room(self) -> bool {
        use Operation::{Append, Copy, Create, MakeFolder, Write};
        matches!(self, Create | Append | Write | Copy | MakeFolder)
    }

    fn moves_bytes(self) -> bool {
        use Operation::{Append, Copy, Read, Sendfile, Write};
        matches!(self, Append | Copy | Read | Sendfile | Write)
    }
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// It fails with this errno, and does nothing.
    Fails(i32),
    /// Half of the bytes are moved: a write says `ENOSPC` then, `sendfile(2)` that the file ends there, and a read goes on.
    Short,
    /// A sync says that it is done.
    Lie,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Which {
    /// Of files.
    Any,
    Opens,
    One(Operation),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    which: Which,
    /// A part of the path; empty: any.
    part: String,
    what: What,
    at: u64,
    /// And from then on.
    goes_on: bool,
}

/// How often calls came that a plan speaks of, and how many of them it has changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reached {
    pub calls: u64,
    pub faults: u64,
}

impl Plan {
    /// Reads a plan; `None` if the text is none.
    pub fn parse(text: &str) -> Option<Plan> {
        let mut words = text.trim().split(':');
        let (operation, part) = words.next().map(|word| word.split_once('@').unwrap_or((word, "")))?;
        let which = match operation {
            "any" => Which::Any,
            "opens" => Which::Opens,
            name => Which::One(ALL.iter().find(|(known, _)| *known == name.replace('-', " "))?.1),
        };
        let what = match words.next()? {
            "EIO" => What::Fails(libc::EIO),
            "ENOSPC" => What::Fails(libc::ENOSPC),
            "EMFILE" => What::Fails(libc::EMFILE),
            "EAGAIN" => What::Fails(libc::EAGAIN),
            "short" => What::Short,
            "lie" => What::Lie,
            _ => return None,
        };
        let number = words.next()?;
        let at = number.trim_end_matches('+').parse().ok().filter(|at| *at > 0)?;
        let plan = Plan { which, part: part.to_string(), what, at, goes_on: number.ends_with('+') };
        words.next().is_none().then_some(plan)
    }

    /// Whether the plan counts this call.
    pub fn counts(&self, operation: Operation, path: &Path) -> bool {
        let is_meant = match &self.which {
            Which::Any => operation.is_of_files(),
            Which::Opens => operation.opens(),
            Which::One(one) => operation == *one,
        };
        let is_exact = matches!(self.which, Which::One(_));
        let can_be = match self.what {
            What::Short => operation.moves_bytes(),
            What::Lie => matches!(operation, Operation::Sync | Operation::SyncFolder),
            What::Fails(libc::ENOSPC) => is_exact || operation.needs_room(),
            What::Fails(libc::EMFILE) => is_exact || operation.opens(),
            What::Fails(_) => true,
        };
        is_meant && can_be && (self.part.is_empty() || path.to_string_lossy().contains(&self.part))
    }

    /// Counts a call that [`Plan::counts`]; what happens to it.
    pub fn reach(&self, reached: &mut Reached) -> Option<What> {
        reached.calls += 1;
        let is_due = if self.goes_on { reached.calls >= self.at } else { reached.calls == self.at };
        reached.faults += u64::from(is_due);
        is_due.then_some(self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_which_call_fails() {
        let plan = Plan::parse("sync-folder@demo-0:EIO:2+").unwrap();
        let path = Path::new("data/demo-0");
        assert!(plan.counts(Operation::SyncFolder, path) && !plan.counts(Operation::Sync, path));
        assert!(!plan.counts(Operation::SyncFolder, Path::new("data/other-0")));
        let mut reached = Reached::default();
        let outcomes: Vec<_> = (0..3).map(|_| plan.reach(&mut reached)).collect();
        assert_eq!(outcomes, [None, Some(What::Fails(libc::EIO)), Some(What::Fails(libc::EIO))]);
        assert_eq!(reached, Reached { calls: 3, faults: 2 });
        for text in ["", "any", "any:EIO", "any:EIO:0", "any:EIO:x", "any:ENOENT:1", "sinc:EIO:1", "any:EIO:1:"] {
            assert_eq!(Plan::parse(text), None, "{text:?}");
        }
    }
}
