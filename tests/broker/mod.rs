//! A real broker for a test: the binary in a process of its own, on a free port, with a scratch data directory.
//!
//! Whatever it prints is collected, so that a test waits for a line and never for a time. A broker that a test leaves
//! behind is killed by its pid; one that printed a panic fails its test.
#![allow(dead_code, unused_imports)] // each test uses a part

pub mod client;
pub mod http;
pub mod lines;
pub mod member;
pub mod proxy;
pub mod shell;

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use client::Client;
use lines::Lines;

/// How long a test waits for what must happen before it calls it a hang.
pub const HANG: Duration = Duration::from_secs(20);

/// A running broker.
pub struct Broker {
    child: Child,
    pub address: SocketAddr,
    data: Arc<TempDir>,
    stdout: Lines,
    stderr: Lines,
    may_panic: bool,
}

/// What a broker was when it had ended.
pub struct Ended {
    pub data: Arc<TempDir>,
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Broker {
    /// A broker with an empty data directory.
    pub fn start() -> Broker {
        Broker::with(&[])
    }

    /// The same with more arguments.
    pub fn with(arguments: &[&str]) -> Broker {
        Broker::on(Arc::new(scratch()), arguments)
    }

    /// A broker that finds data.
    pub fn on(data: Arc<TempDir>, arguments: &[&str]) -> Broker {
        let folder = data.path().join("data");
        let folder = folder.to_str().unwrap();
        let mut all = vec!["--listen", "127.0.0.1:0", "--data", folder];
        all.extend(arguments);
        Broker::run(data, &all)
    }

    /// A broker with these arguments alone.
    pub fn run(data: Arc<TempDir>, arguments: &[&str]) -> Broker {
        Broker::spawn(command(&data, arguments), data)
    }

    /// A broker that may have so many files open.
    pub fn under(open_files: u64, arguments: &[&str]) -> Broker {
        let data = Arc::new(scratch());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {open_files} && exec \"$0\" \"$@\"")]).arg(binary());
        shell.args(["--listen", "127.0.0.1:0", "--data", data.path().join("data").to_str().unwrap()]);
        Broker::spawn(prepared(shell, &data, arguments), data)
    }

    /// The same with more in its environment.
    pub fn run_in(data: Arc<TempDir>, variables: &[(&str, &str)], arguments: &[&str]) -> Broker {
        let mut command = command(&data, arguments);
        command.envs(variables.iter().copied());
        Broker::spawn(command, data)
    }

    fn spawn(mut command: Command, data: Arc<TempDir>) -> Broker {
        let mut child = command.spawn().unwrap();
        let stdout = Lines::collect(child.stdout.take().unwrap());
        let stderr = Lines::collect(child.stderr.take().unwrap());
        let Some(ready) = stdout.wait_for("listening on ") else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the broker did not start: {:#?}", stderr.now());
        };
        let address = ready.strip_prefix("listening on ").unwrap().parse().unwrap();
        Broker { child, address, data, stdout, stderr, may_panic: false }
    }

    /// Its panics are what the test is about.
    pub fn may_panic(mut self) -> Broker {
        self.may_panic = true;
        self
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data directory.
    pub fn folder(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.stderr.now()
    }

    /// What it has logged so far beyond what just happened.
    pub fn warnings(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| !line.contains(" INFO ")).collect()
    }

    /// Whether it warns of anything that is not known; what it has just said may still be on its way.
    pub fn warns_beyond(&self, known: &str) -> bool {
        self.stderr.find(|line| !line.contains(" INFO ") && !line.contains(known)).is_some()
    }

    /// The first line of its log that contains this, as soon as it is there.
    pub fn wait_for_line(&self, part: &str) -> String {
        let line = self.stderr.wait_for(part);
        line.unwrap_or_else(|| panic!("no line with {part:?} came, but {:#?}", self.log()))
    }

    /// The first line on stdout that contains this, as soon as it is there.
    pub fn wait_for_output(&self, part: &str) -> String {
        self.stdout
            .wait_for(part)
            .unwrap_or_else(|| panic!("no line with {part:?} came, but {:#?}", self.stdout.now()))
    }

    /// Sends a signal, such as "TERM".
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status().unwrap();
        assert!(sent.success(), "SIG{name} could not be sent");
    }

    /// SIGSTOP, and no thread of it runs or waits for the disk any more.
    pub fn freeze(&self) {
        self.signal("STOP");
        until("every thread of the broker has stopped", || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it has not been waited for");
            let has_stopped = threads.flatten().all(|thread| {
                let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
            });
            has_stopped.then_some(())
        });
    }

    /// SIGKILL: no flush, no goodbye.
    pub fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().unwrap();
        self.wait().data
    }

    /// SIGTERM, and a clean exit.
    pub fn stop(self) -> Arc<TempDir> {
        self.signal("TERM");
        let ended = self.ended();
        assert!(ended.status.success(), "{}: {:#?}", ended.status, ended.stderr);
        ended.data
    }

    /// A first SIGTERM whose stop is kept waiting by a client that does not read, as more than all socket buffers hold is on
    /// its way, and a second one as soon as that is no echo of the first.
    pub fn stop_twice(self, topic: &str) -> Ended {
        let mut client = self.connect();
        client.fill(topic, 0, 30, 1_000_000);
        client.send(12, client::fetch_request(&[(topic, 0, 0)]));
        assert_eq!(client.socket.peek(&mut [0]).unwrap(), 1, "the answer is being sent");
        self.signal("TERM");
        let address = self.address;
        until("the first signal closes the listener", || std::net::TcpStream::connect(address).err());
        until("the second signal is heard", || {
            self.signal("TERM");
            self.log().iter().any(|line| line.contains("stopped_at_once")).then_some(())
        });
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ended {
        self.wait()
    }

    fn wait(&mut self) -> Ended {
        let status = wait(&mut self.child);
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        Ended { data: self.data.clone(), status, stdout, stderr }
    }

    /// kB of memory that the broker has really used at its peak.
    pub fn peak_memory_kb(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// kB of memory that it uses now.
    pub fn memory_kb(&self) -> u64 {
        self.status("VmRSS:")
    }

    pub fn threads(&self) -> u64 {
        self.status("Threads:")
    }

    /// What the kernel says of the process under this name.
    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let panicked: Vec<_> = self.stderr.all().into_iter().filter(|line| line.contains("panicked")).collect();
        if !std::thread::panicking() && !self.may_panic {
            assert!(panicked.is_empty(), "the broker panicked: {panicked:#?}");
        }
    }
}

/// A scratch folder; the data goes into a folder in it that the broker makes.
pub fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("sendlog-test-").tempdir().unwrap()
}

/// Runs the binary to its end: for starts that are refused, and for what only prints.
pub fn run(arguments: &[&str]) -> Ended {
    run_in(&[], arguments)
}

/// The same with more in its environment.
pub fn run_in(variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let data = Arc::new(scratch());
    let mut child = command(&data, arguments).envs(variables.iter().copied()).spawn().unwrap();
    let stdout = Lines::collect(child.stdout.take().unwrap());
    let stderr = Lines::collect(child.stderr.take().unwrap());
    let status = wait(&mut child);
    Ended { data, status, stdout: stdout.all(), stderr: stderr.all() }
}

/// The binary with the scratch folder as its working directory.
pub fn command(data: &TempDir, arguments: &[&str]) -> Command {
    prepared(Command::new(binary()), data, arguments)
}

fn prepared(mut command: Command, data: &TempDir, arguments: &[&str]) -> Command {
    command.args(arguments).current_dir(data.path()).env("TMPDIR", data.path());
    // What the tests' own environment says of a Kafka is not for this broker.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
        command.env_remove(name);
    }
    command.env_remove("CLUSTER_ID");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The broker that is tried: the one that Cargo built for the test; for an example, `SENDLOG_BINARY` or the release build
/// that lies beside it.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("SENDLOG_BINARY").map(PathBuf::from);
    let built = option_env!("CARGO_BIN_EXE_sendlog").map(PathBuf::from);
    let beside = || std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("sendlog");
    named.or(built).unwrap_or_else(beside)
}

fn wait(child: &mut Child) -> ExitStatus {
    let (pid, (done, watched)) = (child.id(), std::sync::mpsc::channel::<()>());
    // A watchdog ends what hangs; the wait itself needs no clock.
    let watchdog = std::thread::spawn(move || {
        let hangs = watched.recv_timeout(HANG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status();
        }
        hangs
    });
    let status = child.wait().unwrap();
    drop(done);
    assert!(!watchdog.join().unwrap(), "the broker did not end within {HANG:?}");
    status
}

/// Every file and folder below, with its path relative to `root`.
pub fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(folder) = todo.pop() {
        // A folder may go away while we look.
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path.clone());
            }
            found.push(path.strip_prefix(root).unwrap().to_path_buf());
        }
    }
    found.sort();
    found
}

/// Tries again until it works, for what follows soon but says nothing when it does.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + HANG;
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(Instant::now() < deadline, "this did not come true: {what}");
        std::thread::yield_now();
    }
}
