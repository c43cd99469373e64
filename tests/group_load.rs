//! Groups in numbers: ten thousand that commit, two thousand clients that vanish, members that come and go all the
//! time. What is promised holds, and what is kept of those that are gone is bounded.

mod broker;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use broker::client::{fetch_request, Client};
use broker::member::{commit_request, committed, Member};
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::os::limits;
use sendlog::wire::messages::describe_groups::DescribedGroup;
use sendlog::wire::messages::{DescribeGroupsRequest, FetchRequest, JoinGroupRequest, ListGroupsRequest};

/// How long a test waits before it calls a loaded broker hung.
const HANG_LOADED: Duration = Duration::from_secs(180);

#[test]
fn ten_thousand_groups_commit_once_each_and_a_kill_forgets_none() {
    const CONNECTIONS: usize = 20;
    const EACH: usize = 500;
    let name = |number: usize| format!("group-{number}");
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let mut client = broker.connect();
            scope.spawn(move || {
                for number in (0..EACH).map(|each| connection * EACH + each) {
                    let request = commit_request(&name(number), &[("demo", 0, number as i64)]);
                    let answer = client.call(8, request);
                    assert!(answer.topics[0].partitions[0].error_code.is_none(), "{answer:?}");
                }
            });
        }
    });
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    let groups: Vec<String> = (0..CONNECTIONS * EACH).map(name).collect();
    for (block, names) in groups.chunks(EACH).enumerate() {
        let expected: Vec<i64> = (0..EACH).map(|each| (block * EACH + each) as i64).collect();
        assert_eq!(committed(&mut client, names), expected);
    }
    assert_eq!(client.call(4, ListGroupsRequest::default()).groups.len(), groups.len());
}

fn describe(client: &mut Client, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest { groups: vec![group.to_string()], ..Default::default() };
    client.call(5, request).groups.remove(0)
}

/// Polls for as long as the broker is given for this.
fn soon_enough(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANG_LOADED;
    while !is_so() {
        assert!(Instant::now() < deadline, "this did not come true: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn two_thousand_clients_that_wait_and_vanish_give_their_threads_back() {
    const EACH: usize = 1000;
    assert!(limits::raise_open_files() > 3 * EACH as u64, "the test needs two thousand sockets");
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let mut member = Member::new(client, "g");
    assert!(member.join(3).is_none());
    let before = broker.threads();
    let connect = |_| broker.connect();
    let mut fetching: Vec<_> = (0..EACH).map(connect).collect();
    for client in &mut fetching {
        client.send(12, FetchRequest { max_wait_ms: 300_000, min_bytes: 1, ..fetch_request(&[("demo", 0, 0)]) });
    }
    let mut joining: Vec<_> = (0..EACH).map(|_| Member::new(broker.connect(), "g")).collect();
    joining.iter_mut().for_each(|member| member.send_join(3));
    // All of them have arrived when the last of either kind is served: the group knows its members.
    soon_enough("every client has a thread", || broker.threads() >= before + 2 * EACH as u64);
    soon_enough("every join waits", || {
        let request =
            sendlog::wire::messages::DescribeGroupsRequest { groups: vec!["g".to_string()], ..Default::default() };
        member.client.call(5, request).groups[0].members.len() == EACH + 1
    });
    drop((fetching, joining));
    // Some threads stay to serve the next connections.
    soon_enough("the threads are back", || {
        assert_eq!(member.beat(), ErrorCode::REBALANCE_IN_PROGRESS);
        broker.threads() <= before + 64
    });
    assert!(member.join(3).is_none(), "and nobody holds the group up");
    assert_eq!(member.others, [member.id.clone()]);
}

/// Joins a group of its own and "g", and vanishes: before the second join, while a join waits, or when it is answered.
fn come_and_go(broker: &Broker, number: usize) {
    let mut stranger = Member::new(broker.connect(), &format!("g{number}"));
    let short = JoinGroupRequest { session_timeout_ms: 200, ..stranger.join_request() };
    stranger.client.call(5, short);
    let mut member = Member::new(broker.connect(), "g");
    match number % 3 {
        0 => assert_eq!(member.join(5), ErrorCode::MEMBER_ID_REQUIRED),
        1 => member.send_join(3),
        _ => {
            assert_eq!(member.join(5), ErrorCode::MEMBER_ID_REQUIRED);
            member.send_join(5);
        }
    }
}

/// A real member: it shows life, joins each rebalance, and commits. It goes on until `done`.
fn live(member: &mut Member, done: &AtomicBool, commits: &AtomicU64) {
    while !done.load(Ordering::SeqCst) {
        if member.beat() == ErrorCode::REBALANCE_IN_PROGRESS {
            assert!(member.join(3).is_none());
            member.sync(5);
        }
        match member.commit(1) {
            ErrorCode::NONE => drop(commits.fetch_add(1, Ordering::SeqCst)),
            other => assert_eq!(other, ErrorCode::REBALANCE_IN_PROGRESS),
        }
    }
}

#[test]
fn members_that_join_and_vanish_cost_little_and_a_real_one_goes_on() {
    const COME_AND_GO: usize = 3000;
    let broker = Broker::with(&["--set", "group.min.session.timeout.ms=1"]);
    broker.connect().create("demo", 1);
    let mut member = Member::new(broker.connect(), "g");
    assert!(member.join(3).is_none() && member.sync(5).error_code.is_none());
    let (before, deadline) = (broker.threads(), Instant::now() + HANG_LOADED);
    let (done, commits, next) = (AtomicBool::new(false), AtomicU64::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| live(&mut member, &done, &commits));
        let visitors: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let goes_on = commits.load(Ordering::SeqCst) >= 50;
                    if (number >= COME_AND_GO && goes_on) || Instant::now() > deadline {
                        break;
                    }
                    come_and_go(&broker, number);
                })
            })
            .collect();
        let ended: Vec<_> = visitors.into_iter().map(|visitor| visitor.join()).collect();
        done.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(|ended| ended.is_ok()), "a visitor was refused");
    });
    assert!(Instant::now() <= deadline, "{commits:?} commits beside {next:?} that came and went");
    soon_enough("nobody else is left, and no group", || {
        member.beat();
        let listed = member.client.call(4, ListGroupsRequest::default()).groups;
        describe(&mut member.client, "g").members.len() == 1 && listed.len() == 1
    });
    soon_enough("the threads are back", || broker.threads() <= before + 64);
    assert!(broker.peak_memory_kb() < 100_000, "{} kB", broker.peak_memory_kb());
    assert!(member.join(3).is_none() && member.sync(5).error_code.is_none() && member.commit(2).is_none());
}
