//! `retention` and `disk` of `lineshaft.yaml`.

use std::time::Duration;

use lineshaft_model::plan::Repeat;

use super::World;
use super::scope::Scope;
use crate::project::{Disk, Retention};
use crate::spec::raw::{self, Span};

/// Shares below this are a mistake: a disk that is half empty has room.
const REFUSE_ABOVE_MIN: u8 = 50;

/// Checks and converts. What is wrong is told; the result counts only if nothing is.
pub fn retention(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Retention) -> Retention {
    let mut span = |field: &str, span: &Span| scope.span(world, &["retention", field], span);
    let payloads = span("payloads", &raw.payloads);
    let tracking = span("tracking", &raw.tracking);
    let audit = span("audit", &raw.audit);
    let keys = match &raw.keys {
        Some(keys) => span("keys", keys),
        None => payloads.map(|payloads| payloads.max(Retention::default().keys)),
    };
    if let Some(short) = keys.filter(|keys| *keys < Repeat::KEPT_AT_LEAST) {
        let message = format!("keys are kept at least 30 days, not {}", days(short));
        let help = "a sender that was cut off for weeks may repeat itself; write `30d` or more, or remove the line";
        scope.error(world, &["retention", "keys"], message, help);
    }
    let order = [
        ("keys", keys, "payloads", payloads),
        ("tracking", tracking, "payloads", payloads),
        ("audit", audit, "tracking", tracking),
    ];
    for (field, kept, other, least) in order {
        if let (Some(kept), Some(least)) = (kept, least)
            && kept < least
        {
            let message = format!("`{field}` is kept {}, shorter than `{other}` with {}", days(kept), days(least));
            let help = format!("make `{field}` at least as long as `{other}`: it tells what the other was");
            scope.error(world, &["retention", field], message, help);
        }
    }
    let usual = Retention::default();
    Retention {
        payloads: payloads.unwrap_or(usual.payloads),
        tracking: tracking.unwrap_or(usual.tracking),
        keys: keys.unwrap_or(usual.keys),
        audit: audit.unwrap_or(usual.audit),
    }
}

/// Checks and converts. What is wrong is told; the result counts only if nothing is.
pub fn disk(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Disk) -> Disk {
    let ballast_bytes = raw.ballast.bytes().unwrap_or_else(|message| {
        let help = "write a whole number and a unit: `512KiB`, `64MiB`, `2GiB`, or `0` for none";
        scope.error(world, &["disk", "ballast"], message, help);
        0
    });
    let percent = raw.refuse_above.as_ref().map(raw::Percent::number);
    let help = "write a share from `50%` to `100%`; with `100%` nothing is refused before the disk is full";
    let refuse_above_percent = match percent {
        None => None,
        Some(Ok(percent)) => {
            if percent < REFUSE_ABOVE_MIN {
                scope.error(world, &["disk", "refuse_above"], format!("{percent}% is too little to refuse at"), help);
            }
            Some(percent)
        }
        Some(Err(message)) => {
            scope.error(world, &["disk", "refuse_above"], message, help);
            None
        }
    };
    Disk { ballast_bytes, refuse_above_percent }
}

fn days(span: Duration) -> String {
    let hours = span.as_secs() / 3600;
    if hours > 0 && hours.is_multiple_of(24) { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}
