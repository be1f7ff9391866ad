//! `lineshaft codegen`: pages and schemas made from the code, so that none tells an old story.

use std::path::PathBuf;

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::pages;

/// Write generated pages and schemas.
#[derive(Args)]
pub struct Codegen {
    /// Directory to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes every generated file below the directory.
pub fn run(args: &Codegen) -> Result<Exit, Failure> {
    let pages = pages::all();
    for (name, text) in &pages {
        let path = args.out.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        made.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    }
    eprintln!("{} files", pages.len());
    Ok(Exit::Ok)
}
