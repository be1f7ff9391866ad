//! A node behind TLS, and the commands that ask it.

use crate::authority::{Authority, pem};
use crate::hub::{project, start};
use crate::program::run;

#[test]
fn a_node_with_a_certificate_is_asked_by_https_and_never_believed_blindly() {
    let directory = project();
    let here = directory.path();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let issued = ours.issue("127.0.0.1", |_| {});
    let write = |file: &str, text: String| std::fs::write(here.join(file), text).unwrap();
    write("data/hub.pem", pem("CERTIFICATE", &issued.certificate));
    write("data/secrets/hub-key", pem("PRIVATE KEY", issued.key.serialized_der()));
    write("ours.pem", pem("CERTIFICATE", &ours.der));
    write("other.pem", pem("CERTIFICATE", &other.der));
    let yaml = std::fs::read_to_string(here.join("lineshaft.yaml")).unwrap();
    let with_tls = yaml.replace("listen:\n", "listen:\n  tls: { certificate: hub.pem, key: \"secret:hub-key\" }\n");
    write("lineshaft.yaml", with_tls.clone());

    let node = start(here);
    let port = node.api.rsplit(':').next().unwrap().to_owned();
    let https = format!("https://127.0.0.1:{port}");
    let status = run(here, &["status", "--node", &https, "--ca", "ours.pem"]);
    assert!(status.code == 0 && status.out.contains(&format!("inbound https://{}", node.inbound)), "{status:?}");
    for (arguments, said) in [
        (["status", "--node", https.as_str()].as_slice(), "UnknownIssuer"),
        (&["status", "--node", &https, "--ca", "other.pem"], "UnknownIssuer"),
        (&["status", "--node", &https.replace("127.0.0.1", "localhost"), "--ca", "ours.pem"], "not valid for"),
        (&["status", "--node", &node.api], "with https:// if it has TLS"),
    ] {
        let refused = run(here, arguments);
        assert!(refused.code == 7 && refused.err.contains(said), "{arguments:?}: {refused:?}");
    }

    // In the directory of its project no authority is needed: it is the certificate in the file, or it is not this node.
    write("lineshaft.yaml", with_tls.replace("127.0.0.1:7401", &format!("127.0.0.1:{port}")));
    let status = run(here, &["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    write("data/hub.pem", pem("CERTIFICATE", &ours.issue("127.0.0.1", |_| {}).certificate));
    let refused = run(here, &["status"]);
    assert!(refused.code == 7 && refused.err.contains("not the certificate of this node"), "{refused:?}");
    assert_eq!(run(here, &["status", "--ca", "nothing.pem"]).code, 2);
    assert_eq!(node.terminate().code, 0);
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_anything_starts() {
    let directory = project();
    let here = directory.path();
    let yaml = std::fs::read_to_string(here.join("lineshaft.yaml")).unwrap();
    let yaml = yaml.replace("listen:\n", "listen:\n  tls: { certificate: hub.pem, key: \"secret:hub-key\" }\n");
    std::fs::write(here.join("lineshaft.yaml"), yaml).unwrap();
    let ended = run(here, &["run"]);
    assert!(ended.code == 1 && ended.err.contains("PROJECT-003") && ended.err.contains("listen.tls"), "{ended:?}");
}
