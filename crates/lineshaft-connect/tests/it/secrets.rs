//! Secrets: by reference only, read again when old, shown nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lineshaft_connect::secrets::Secrets;
use lineshaft_model::connection::SecretRef;
use lineshaft_model::time::{Clock, Timestamp};

struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn a_rotated_secret_is_used_within_five_seconds_and_shown_nowhere() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("rotated");
    std::fs::create_dir_all(dir.join("erp")).expect("directory");
    let file = dir.join("erp/client");
    let clock = Arc::new(Hand(AtomicU64::new(100)));
    let secrets = Secrets::new(Some(dir), Arc::clone(&clock) as Arc<dyn Clock>);
    let reference = SecretRef("secret:erp/client".into());

    std::fs::write(&file, "old-canary\r\n").expect("writes");
    assert_eq!(secrets.get(&reference).expect("reads").reveal(), "old-canary");
    std::fs::write(&file, "new-canary").expect("writes");
    clock.0.store(104, Ordering::Relaxed);
    assert_eq!(secrets.get(&reference).expect("still fresh").reveal(), "old-canary");
    clock.0.store(105, Ordering::Relaxed);
    let new = secrets.get(&reference).expect("reads again");
    assert_eq!(new.reveal(), "new-canary");
    assert!(!format!("{new:?} {secrets:?}").contains("canary"));

    std::fs::write(&file, "\n").expect("writes");
    clock.0.store(110, Ordering::Relaxed);
    for (reference, said) in [
        ("secret:erp/client", "is empty"),
        ("secret:erp/missing", "cannot be read"),
        ("secret:../erp/client", "not a plain name"),
        ("secret:/etc/passwd", "not a plain name"),
        ("env:LINESHAFT_TEST_NOT_SET", "is not set"),
        ("literal-canary", "must be written as"),
    ] {
        let fault = secrets.get(&SecretRef(reference.into())).expect_err(reference);
        assert_eq!(fault.code.as_str(), "DELIVER-011");
        assert!(fault.message.contains(said) && !fault.message.contains("canary"), "{fault}");
    }
}
