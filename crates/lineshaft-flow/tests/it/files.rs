//! A system that exchanges files: a system file as a person writes it, and what it means.

use lineshaft_flow::problem::Severity;
use lineshaft_flow::project::{Idempotency, IdempotencyKey};
use lineshaft_flow::spec::{Files, check, starter};
use lineshaft_model::connection::SourceSettings;
use lineshaft_model::connection::files::{Complete, KnownBy, Order};

/// An ERP that drops orders as files and takes completions as files.
pub const ERP: &str = r#"system: erp
about: Planning and finance, by file
connection: { files: { root: exchange/erp } }
emits:
  order:
    source:
      files:
        directory: out/orders
        pattern: "ORDERS*.csv"
        complete: { stable_for: 10s }
        order: modified
        every: 5s
        known_by: name-content-and-time
    format: csv
    reference: { table: order, key: .ManufacturingOrder }
  stock:
    source: { files: { directory: out/orders, pattern: "STOCK*.csv", complete: { marker: .done } } }
    format: csv
    reference: { table: stock, key: .Material }
    idempotency: { key: .Id }
receives:
  completion:
    event: production.completion.reported@1
    send: { files: { directory: in, name: "{order}-{target_key}.json", taken_to: in/taken } }
    in_order_by: order
    repeat: { class: T3, quiet: 2m }
    impact: financial posting
"#;

fn files(erp: &str) -> Files {
    let mut files: Files = starter().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    files.insert("systems/erp.yaml".to_owned(), erp.to_owned());
    files
}

#[test]
fn a_system_of_files_is_read_as_it_is_written() {
    let (project, problems) = check(&files(ERP));
    assert_eq!(problems, []);
    let project = project.unwrap();
    let SourceSettings::Files(source) = &project.emits["erp/order"].source else { panic!("files") };
    assert_eq!(source.complete.clone(), Complete::StableFor(serde_json::from_str("\"10s\"").unwrap()));
    assert_eq!((source.order, source.known_by), (Order::Modified, KnownBy::NameContentAndTime));
    assert_eq!(source.file_bytes_max, 64 * 1024 * 1024);
    let by_itself = Idempotency { key: IdempotencyKey::Header, same_when: vec![] };
    assert_eq!(project.emits["erp/order"].idempotency, Some(by_itself));
    let by_row = project.emits["erp/stock"].idempotency.as_ref().map(|it| it.key.clone());
    assert!(matches!(by_row, Some(IdempotencyKey::Path(path)) if path.as_str() == ".Id"));
    let destination = &project.receives["erp/completion"].destination;
    assert!(destination.has_probe() && destination.carries_key());
}

#[test]
fn a_name_that_may_belong_to_two_documents_is_a_warning_for_t2() {
    let erp = ERP.replace("{order}-{target_key}.json", "{order}.json").replace("T3, quiet: 2m", "T2");
    let (project, problems) = check(&files(&erp));
    assert!(project.is_some());
    let [only] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(only.severity, Severity::Warning);
    assert!(only.help.contains("{target_key}"), "{only}");
}
