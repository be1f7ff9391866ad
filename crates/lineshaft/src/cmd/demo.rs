//! `lineshaft demo`: a hub and stand-in systems on this machine, a story of twenty production orders with everything
//! that goes wrong in a plant, and the verdict of a judge. The node is a process of its own, killed with the demo.
//! Deliberately absent: the product's own tests; this is the story that a visitor sees first, played against the real node.

mod project;

mod plan;

mod systems;

mod node;

mod load;

mod tell;

mod story;

mod judge;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lineshaft_model::random::{Rng, SeededRng};

use self::story::Story;
use self::systems::{SECRETS, Systems};
use self::tell::Tell;

/// Play the demo.
#[derive(clap::Args)]
pub struct Demo {
    /// End after the verdict: exit code 0 if everything arrived once and in order, 1 if not
    #[arg(long)]
    once: bool,
    /// Seed of the quantities that are produced, scrapped and moved
    #[arg(long, env = "LINESHAFT_DEMO_SEED", default_value_t = 100_234_871)]
    seed: u64,
}

/// How a demo ended.
enum Ended {
    /// Everything arrived once and in order.
    Good,
    /// Something did not; the data is kept.
    Bad,
    /// Somebody ended it before the verdict.
    Interrupted,
}

/// Plays the demo; 0 after a good verdict, 1 after a bad one or none.
pub fn demo(args: Demo) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let directory = std::env::temp_dir().join(format!("lineshaft-demo-{:016x}", SeededRng::from_os().next_u64()));
    let ended: Result<Ended, String> = runtime.block_on(async {
        let told = Tell::new();
        let (story, good) = tokio::select! {
            played = play(&args, &directory, &told) => played?,
            () = interrupted() => return Ok(Ended::Interrupted),
        };
        if !args.once {
            told.print(&story.how_to_look());
            interrupted().await;
        }
        drop(story);
        Ok(if good { Ended::Good } else { Ended::Bad })
    });
    // Whatever still runs belongs to the demo and ends with it; the node was killed when its handle was dropped.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::Good) => {
            remove(&directory);
            ExitCode::SUCCESS
        }
        Ok(Ended::Interrupted) => {
            println!("\nEnded before the verdict.");
            remove(&directory);
            ExitCode::FAILURE
        }
        Ok(Ended::Bad) => {
            println!("\nThe data of this run is kept in {}", directory.display());
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("\nerror: {message}");
            eprintln!("The data of this run is kept in {}", directory.display());
            ExitCode::FAILURE
        }
    }
}

/// The whole story; at the end everything still runs. `true` after a good verdict.
async fn play<'a>(args: &Demo, directory: &Path, tell: &'a Tell) -> Result<(Story<'a>, bool), String> {
    let rng = SeededRng::from_os();
    let tokens = SECRETS.iter().map(|name| (*name, format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())));
    let tokens: BTreeMap<_, _> = tokens.collect();
    make_private(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let systems = Systems::start(tokens).await.map_err(|error| format!("a stand-in cannot start: {error}"))?;
    let mut story = Story::begin(tell, directory, args.seed, systems).await?;
    story.release_orders().await?;
    let load = story.produce().await?;
    story.lose_the_erp().await?;
    story.lose_the_hub().await?;
    story.come_to_rest(load).await?;
    let verdict = story.verdict().await?;
    story.look_up().await?;
    Ok((story, verdict.good()))
}

/// Waits until the user or the system wants the demo to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without handlers the signals end the process by themselves, and the node with its group on a terminal.
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
        (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// A directory that only this user may read: it will hold tokens.
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(directory)
}

fn remove(directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(PathBuf::from(directory)) {
        eprintln!("{} could not be removed: {error}", directory.display());
    }
}
