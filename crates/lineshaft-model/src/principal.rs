//! Who acts, and which site and policy a row belongs to.

/// Who a command, a read or a received intake is attributed to.
///
/// Every command and every read takes one (architecture, "Who"). Until full identity exists a node knows three kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A person or program holding the node's token, by the name it gave itself.
    Operator(String),
    /// A system file's interface, authenticated as that interface declares: `mes/completion`.
    Interface(String),
    /// The node itself: rescue after a restart, release of waiting transactions.
    Node,
}

impl Principal {
    /// The text kept in rows and shown to people: `operator:anna`, `interface:mes/completion`, `node`.
    pub fn as_text(&self) -> String {
        match self {
            Self::Operator(name) => format!("operator:{name}"),
            Self::Interface(name) => format!("interface:{name}"),
            Self::Node => "node".to_owned(),
        }
    }
}

/// The site that a transaction belongs to and the tags that data-boundary policies decide on (PO-1).
///
/// Carried by every intake, transaction and delivery from its first row on. An empty `data_class` or
/// `export_class` means "not declared", which a policy must read as the most restrictive.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    /// Site code as in `lineshaft.yaml`, for example `DE10`.
    pub site: String,
    /// Region of that site, for example `eu`.
    pub region: String,
    /// Data class given by the interface file, for example `operational`.
    pub data_class: String,
    /// Export-control class given by the interface file.
    pub export_class: String,
}
