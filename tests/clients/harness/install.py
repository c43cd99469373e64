"""Installs the pinned clients into target/clients/, each only when its manifest has changed since the last time.

Each function returns the command that starts the client's adapter, raises Skip when the toolchain is missing and
Failure when an installation fails. The versions are in the manifests beside the adapters: python/requirements.txt,
go/go.mod, kafkajs/package-lock.json, java/pom.xml. kcat is Debian's.
By hand: tests/clients/run NAME installs what NAME needs.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.report import Failure, Skip

HERE = Path(__file__).resolve().parent.parent
CLIENTS = HERE.parent.parent / "target" / "clients"
EXAMPLES = HERE.parent.parent / "examples" / "testing"
INSTALL_SECONDS = 600


def kcat():
    if not shutil.which("kcat"):
        debian_package("kcat", "no 'kcat' on PATH")


def confluent():
    return python("confluent_adapter.py")


def kafka_python():
    return python("kafka_python_adapter.py")


def python(adapter):
    venv = CLIENTS / "venv"
    requirements = HERE / "python" / "requirements.txt"

    def install():
        shutil.rmtree(venv, ignore_errors=True)
        try:
            execute(sys.executable, "-m", "venv", venv)
        except Failure:  # Debian's python3 comes without ensurepip
            debian_package("python3-venv", "no module 'venv' in this Python")
            execute(sys.executable, "-m", "venv", venv)
        execute(venv / "bin" / "pip", "install", "--quiet", "--no-deps", "-r", requirements)

    once(venv, install, requirements)
    return [venv / "bin" / "python", "-B", HERE / "python" / adapter]


@functools.cache
def go():
    need("go")
    program = CLIENTS / "go" / "adapter"
    # Go knows itself when there is nothing to do.
    execute("go", "build", "-mod=readonly", "-buildvcs=false", "-o", program, ".", cwd=HERE / "go")
    return [program]


def kafkajs():
    need("node", "npm")
    home = CLIENTS / "kafkajs"
    manifests = [HERE / "kafkajs" / "package.json", HERE / "kafkajs" / "package-lock.json"]

    def install():
        for manifest in manifests:
            shutil.copy(manifest, home)
        execute("npm", "ci", "--ignore-scripts", cwd=home)

    once(home, install, *manifests)
    return ["env", f"NODE_PATH={home / 'node_modules'}", "node", HERE / "kafkajs" / "adapter.js"]


def java(main, *more):
    need("java", "javac", "mvn")
    jars, classes = CLIENTS / "java" / "jars", CLIENTS / "java" / "classes"
    pom, sources = HERE / "java" / "pom.xml", sorted((HERE / "java").glob("*.java"))

    def install():
        shutil.rmtree(jars, ignore_errors=True)
        execute("mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={jars}")

    once(CLIENTS / "java", install, pom)
    once(classes, lambda: execute("javac", "-cp", f"{jars}/*", "-d", classes, *sources), *sources)
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return ["java", *options, *more, "-cp", f"{classes}{os.pathsep}{jars}/*", main]


def examples():
    """What installs each program of examples/testing/ and returns its command, and what is more in its environment."""
    rust, python, go, node, java = rust_example, python_example, go_example, node_example, java_example
    return {"rust": rust, "python": python, "go": go, "node": node, "java": java}


def rust_example():
    need("cargo")
    target = CLIENTS / "rust"
    manifest = EXAMPLES / "rust" / "Cargo.toml"
    # Cargo knows itself when there is nothing to do.
    execute("cargo", "build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target)
    return [target / "debug" / "testing"], {}


def python_example():
    interpreter, *_ = confluent()
    return [interpreter, "-B", EXAMPLES / "python" / "example.py"], {}


def go_example():
    need("go")
    program = CLIENTS / "go" / "example"
    execute("go", "build", "-mod=readonly", "-buildvcs=false", "-o", program, ".", cwd=EXAMPLES / "go")
    return [program], {}


def node_example():
    kafkajs()
    return ["node", EXAMPLES / "node" / "example.js"], {"NODE_PATH": CLIENTS / "kafkajs" / "node_modules"}


def java_example():
    java("Adapter")
    jars = CLIENTS / "java" / "jars"
    options = ["-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return ["java", *options, "-cp", f"{jars}/*", EXAMPLES / "java" / "Example.java"], {}


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"no toolchain '{program}' on PATH")


def debian_package(name, otherwise):
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Skip(f"{otherwise}, and only root on Debian can install it")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    execute("apt-get", "update", "-qq", env=environment)
    execute("apt-get", "install", "-y", "-qq", name, env=environment)


def once(home, install, *manifests):
    """Runs `install` unless it has already succeeded with the same manifests."""
    wanted = hashlib.sha256(b"".join(manifest.read_bytes() for manifest in manifests)).hexdigest()
    stamp = home.with_name(home.name + ".installed")
    if home.is_dir() and stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    install()
    stamp.write_text(wanted)


def execute(*command, **options):
    """Runs one command quietly; its output is shown if it fails."""
    print("    installing:", *command, file=sys.stderr, flush=True)
    try:
        subprocess.run(
            command, check=True, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
        )
    except subprocess.CalledProcessError as error:
        tail = "\n".join(error.stdout.decode(errors="replace").splitlines()[-15:])
        raise Failure(f"{command[0]} ended with exit code {error.returncode}\n{tail}") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{command[0]} did not end within {INSTALL_SECONDS} s") from None
