//! A full disk refuses new documents and loses nothing; what was accepted goes on, and service returns by itself (RS1).

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use lineshaft_standin::judge::{Evidence, judge};
use lineshaft_standin::load::{self, Load};
use lineshaft_standin::sink::{Class, Sink};
use serde_json::Value;

use crate::hub::{ANYWHERE, launch, pass_on};
use crate::program::command;

/// A file system of its own, in memory.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, size: &str) -> Result<Self, String> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
        if !root {
            return Err("mounting needs root".to_owned());
        }
        std::fs::create_dir_all(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            Ok(output) => Err(format!("mount: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(format!("mount (Debian: mount): {error}")),
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: the node that was killed may hold it for a moment.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Takes all the room that is left.
fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        let block = vec![b'x'; size];
        while file.write_all(&block).is_ok() {}
    }
}

fn is_refusing(status: &Value) -> bool {
    status["store"]["refusing"] == true
}

#[test]
fn rs1_a_full_disk_refuses_new_documents_loses_nothing_and_service_returns_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let disk = match Small::mount(&directory.path().join("disk"), "96m") {
        Ok(disk) => disk,
        Err(why) => {
            println!("SKIP: {why}");
            return;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let history = directory.path().join("sink.jsonl");
    let sink = runtime.block_on(Sink::start(SocketAddr::from(([127, 0, 0, 1], 0)), Class::T1, &history, None)).unwrap();
    let port: u16 = sink.server().url().rsplit(':').next().unwrap().parse().unwrap();
    let project = directory.path().join("project");
    pass_on(&project, port, "disk: { ballast: 8MiB, refuse_above: 95% }\n");
    let data = disk.0.join("data");
    let data = ["--data", data.to_str().unwrap()];
    let node = launch(command(&project, &[&ANYWHERE[..], &data].concat())).unwrap_or_else(|ended| panic!("{ended:?}"));

    sink.server().go_down(None);
    let load = Load {
        transactions: 3000,
        keys: 60,
        connections: 16,
        per_second: Some(500.0),
        ..Load::new(&format!("http://{}/in/source/completion", node.inbound), directory.path().join("load.jsonl"))
    };
    let load = runtime.spawn(load::run(load));
    node.until(&project, &data, "a backlog", |status| status["books"]["transactions"].as_u64() > Some(500));
    let foreign = disk.0.join("foreign");
    fill(&foreign);
    node.until(&project, &data, "refusing", is_refusing);
    let refused = node.post("/in/source/completion", "probe", r#"{"id":"p","order":"p","seq":1}"#).unwrap();
    assert!(refused.status == 503 && refused.head.contains("\r\nretry-after: "), "{refused:?}");

    sink.server().go_up();
    let drained = node.until(&project, &data, "drained", |status| status["open"].as_array().unwrap().is_empty());
    assert!(is_refusing(&drained), "it was drained on a full disk: {drained:#}");
    assert!(drained["store"]["refused"].as_u64() > Some(0), "{drained:#}");
    let accepted = drained["books"]["transactions"].as_u64().unwrap();
    assert!(accepted < 3000, "the load was still going on: {accepted}");
    println!("on the full disk: {accepted} delivered, ballast {}", drained["store"]["ballast"]);
    let shown = node.ask(&project, &[&["status"], &data[..]].concat());
    assert!(shown.out.contains("no room on the disk") && shown.out.contains("refused for want of room"), "{shown:?}");

    std::fs::remove_file(&foreign).unwrap();
    let summary = runtime.block_on(load).unwrap().unwrap();
    assert_eq!((summary.ok, summary.failed), (3000, 0), "{summary:?}");
    let all = node.until(&project, &data, "everything delivered", |status| {
        status["books"]["delivery_states"]["delivered"] == 3000
    });
    assert_eq!(
        (is_refusing(&all), &all["store"]["ballast"], &all["books"]["delta"]),
        (false, &"in place".into(), &0.into())
    );
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let (load, effects) = (read("load.jsonl"), read("sink.jsonl"));
    let verdict = judge(&Evidence { load: &load, sinks: &[&effects], ..Evidence::default() }).unwrap();
    assert!(verdict.good(), "{}", verdict.to_json());
    assert_eq!(node.ask(&project, &[&["store", "check"], &data[..]].concat()).code, 0);
    assert_eq!(node.terminate().code, 0);
}
