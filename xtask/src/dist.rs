//! Build what is handed out. Deliberately absent: packaging and signing.

use std::process::ExitCode;

use crate::place::{Place, shown};
use crate::step;

/// `cargo xtask dist`: the release program.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    if let Err(code) = crate::only_known(arguments, &[]) {
        return code;
    }
    match step::succeed(&mut place.cargo(["build", "--release", "--locked", "--package", "lineshaft"])) {
        Ok(()) => {
            let program = place.target.join("release").join(format!("lineshaft{}", std::env::consts::EXE_SUFFIX));
            let bytes = std::fs::metadata(&program).map_or(0, |data| data.len());
            println!("{} ({:.1} MiB)", shown(&place.root, &program), bytes as f64 / f64::from(1 << 20));
            ExitCode::SUCCESS
        }
        Err(message) => step::failed(&message),
    }
}
