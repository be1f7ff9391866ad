//! From the bytes received to the bytes posted: the project's two maps, on the node's own engine. Absent: what the node
//! checks besides, that is the three schemas.

use std::sync::Arc;

use lineshaft_flow::map::{Facts, Map};
use lineshaft_flow::project::{Project, SiteRule};
use lineshaft_format::json;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::Fault;

use crate::setup::{POSTED, TAKEN};

/// The map in, the map out, and what they read.
pub struct Maps {
    inward: Arc<Map>,
    outward: Arc<Map>,
    catalog: Arc<Catalog>,
    facts: Facts,
}

impl Maps {
    /// Those of [`TAKEN`] and [`POSTED`].
    ///
    /// # Errors
    /// What the project does not have.
    pub fn of(project: &Project, catalog: Arc<Catalog>) -> Result<Self, String> {
        let emit = project.emits.get(TAKEN).ok_or_else(|| format!("there is no {TAKEN}"))?;
        let inward = emit.becomes.map().ok_or_else(|| format!("{TAKEN} has no map"))?;
        let outward = project.receives.get(POSTED).and_then(|receive| receive.map.as_ref());
        let SiteRule::Fixed(site) = &emit.site else { return Err(format!("{TAKEN} has no fixed site")) };
        Ok(Self {
            inward: Arc::clone(inward),
            outward: Arc::clone(outward.ok_or_else(|| format!("{POSTED} has no map"))?),
            catalog,
            // Without what differs from one transaction to the next, which these maps do not read.
            facts: Facts {
                site: site.clone(),
                time_zone: project.sites.get(site).map(|site| site.time_zone.clone()).unwrap_or_default(),
                interface: TAKEN.to_owned(),
                ..Facts::default()
            },
        })
    }

    /// What is posted for what was received.
    ///
    /// # Errors
    /// The same faults as in the node.
    pub fn document(&self, received: &[u8]) -> Result<Vec<u8>, Fault> {
        let received = json::decode(received)?;
        let event = self.inward.run(&received, &self.catalog, &self.facts)?;
        let posted = self.outward.run(&event, &self.catalog, &self.facts)?;
        Ok(json::encode(&posted))
    }
}
