//! `lineshaft-bare PROJECT DATA MATERIALS`: the loop as a program, until it is told to stop (SIGTERM). Then it says how
//! many documents are stored and posted. `MATERIALS` is a file with the records of the reference table.

use std::path::Path;
use std::process::ExitCode;

use lineshaft_bare::Bare;
use lineshaft_bare::setup::{Setup, materials, project};
use lineshaft_bare::store::stored;
use tokio::signal::unix::{SignalKind, signal};

/// The node's allocator: what is compared must not differ in that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, data, records] = arguments.as_slice() else {
        eprintln!("usage: lineshaft-bare PROJECT DATA MATERIALS");
        return ExitCode::from(2);
    };
    // One thread besides the store's: no document has to wait for another thread to wake up.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(directory.as_ref(), data.as_ref(), records.as_ref())));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("lineshaft-bare: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(directory: &Path, data: &Path, records: &Path) -> Result<(), String> {
    let mut stop = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let records = std::fs::read(records).map_err(|error| format!("{}: {error}", records.display()))?;
    let mut bare = Bare::start(Setup::of(&project(directory)?, materials(&records)?, data)?).await?;
    tokio::select! {
        why = bare.failed() => return Err(why),
        _ = stop.recv() => {}
    }
    let posted = bare.finish().await?;
    println!("{{\"stored\":{},\"posted\":{posted}}}", stored(data)?.len());
    Ok(())
}
