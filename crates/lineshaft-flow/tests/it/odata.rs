//! A system that is reached through an OData service: a file as a person writes it, and what it means.

use lineshaft_flow::project::{Idempotency, IdempotencyKey};
use lineshaft_flow::spec::{Files, check, starter};

/// An ERP that is polled for orders and takes confirmations.
pub const ERP: &str = r#"system: erp
about: Planning and finance
connection:
  odata:
    url: https://erp.example.com/sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV
    version: v2
    auth: { oauth2: { token_url: "https://erp.example.com/token", client_id: line, client_secret: "secret:erp" } }
    headers: { sap-client: "100" }
emits:
  order:
    source:
      odata:
        poll:
          path: /A_ProductionOrder_2
          changed_since: LastChangeDateTime
          stamp: text
          every: 10s
          overlap: 5m
          since: 2026-01-01T00:00:00Z
          key: [ManufacturingOrder]
          filter: "ProductionPlant eq '1000'"
          expand: [to_ProductionOrderOperation, to_ProductionOrderItem/to_Batch]
    reference: { table: order, key: .ManufacturingOrder }
receives:
  completion:
    event: production.completion.reported@1
    send:
      odata:
        path: /ProdnOrdConf2
        key_field: .ExternalSystemConfirmation
        receipt: [ConfirmationGroup, ConfirmationCount]
        busy_codes: [RU/018]
        probe:
          path: /ProdnOrdConf2
          filter: "OrderID eq '{order}' and ExternalSystemConfirmation eq guid'{target_key}'"
          receipt: [ConfirmationGroup, ConfirmationCount]
    in_order_by: order
    repeat: { class: T3, quiet: 2m }
    impact: financial posting
"#;

#[test]
fn an_odata_system_is_polled_and_written_to() {
    let mut files: Files = starter().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    files.insert("systems/erp.yaml".to_owned(), ERP.to_owned());
    let installation = files["lineshaft.yaml"].replace("127.0.0.1:*", "erp.example.com:443");
    files.insert("lineshaft.yaml".to_owned(), installation);
    let (project, problems) = check(&files);
    assert_eq!(problems, []);
    let project = project.unwrap();
    let by_the_row = Idempotency { key: IdempotencyKey::Header, same_when: vec![] };
    assert_eq!(project.emits["erp/order"].idempotency, Some(by_the_row));
    let destination = &project.receives["erp/completion"].destination;
    assert_eq!(destination.key_field(), Some(".ExternalSystemConfirmation"));
    assert_eq!(destination.templates().len(), 3);
}
