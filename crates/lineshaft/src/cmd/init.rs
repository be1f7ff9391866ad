//! `lineshaft init`: a small project that works.

use std::path::PathBuf;

use clap::Args;
use lineshaft_flow::spec;

use crate::exit::{Exit, Failure};
use crate::print;

/// Write a starter project.
#[derive(Args)]
pub struct Init {
    /// Directory to write to; made if it is not there
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Write into a directory that holds other files, and over files of the same name
    #[arg(long)]
    force: bool,
}

/// Writes the starter project and says what to do next.
pub fn run(args: &Init) -> Result<Exit, Failure> {
    let shown = args.dir.display();
    let occupied = std::fs::read_dir(&args.dir).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !args.force {
        return Err(Failure::new(Exit::Conflict, format!("{shown} is not empty"))
            .help("name another directory, or use --force to write into this one"));
    }
    for (name, text) in spec::starter() {
        let path = args.dir.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        made.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
        print::out(name);
    }
    eprintln!(
        "\nA plant reports completions, the ERP gets them. What next, in {shown}:\n\n\
         \x20 lineshaft check       tells everything that is wrong with the files\n\
         \x20 lineshaft map test    runs the samples beside the maps\n\
         \x20 (umask 077; mkdir -p data/secrets; head -c 32 /dev/urandom | base64 > data/secrets/mes-inbound)\n\
         \x20 ERP_URL=http://127.0.0.1:8080 lineshaft run\n\n\
         and from a second terminal:\n\n\
         \x20 curl -H \"Authorization: Bearer $(cat data/secrets/mes-inbound)\" -H 'Idempotency-Key: 1' \\\n\
         \x20   -H 'Content-Type: application/json' --data @systems/maps/mes-completion.samples/plain.in.json \\\n\
         \x20   http://127.0.0.1:7400/in/mes/completion\n\
         \x20 lineshaft find order:1000040"
    );
    Ok(Exit::Ok)
}
