//! The demo's project files, and the records that it loads, carried in the program, so that the demo runs anywhere.
//! Deliberately absent: the golden samples of the maps, which are tests and not part of what runs.

use std::io;
use std::path::Path;

/// Path below the project directory, and content.
const FILES: &[(&str, &str)] = &[
    ("lineshaft.yaml", include_str!("../../../../../demo/lineshaft.yaml")),
    ("model/inventory.moved@1.json", include_str!("../../../../../demo/model/inventory.moved@1.json")),
    ("model/material.consumed@1.json", include_str!("../../../../../demo/model/material.consumed@1.json")),
    ("model/production.confirmation@1.json", include_str!("../../../../../demo/model/production.confirmation@1.json")),
    (
        "model/production.order.released@1.json",
        include_str!("../../../../../demo/model/production.order.released@1.json"),
    ),
    ("model/scrap.declared@1.json", include_str!("../../../../../demo/model/scrap.declared@1.json")),
    ("reference/batch.csv", include_str!("../../../../../demo/reference/batch.csv")),
    ("reference/batch.json", include_str!("../../../../../demo/reference/batch.json")),
    ("reference/location.csv", include_str!("../../../../../demo/reference/location.csv")),
    ("reference/location.json", include_str!("../../../../../demo/reference/location.json")),
    ("reference/material.json", include_str!("../../../../../demo/reference/material.json")),
    ("reference/unit.csv", include_str!("../../../../../demo/reference/unit.csv")),
    ("reference/unit.json", include_str!("../../../../../demo/reference/unit.json")),
    ("reference/work-centre.csv", include_str!("../../../../../demo/reference/work-centre.csv")),
    ("reference/work-centre.json", include_str!("../../../../../demo/reference/work-centre.json")),
    ("rules/batch.yaml", include_str!("../../../../../demo/rules/batch.yaml")),
    ("rules/operation.yaml", include_str!("../../../../../demo/rules/operation.yaml")),
    ("rules/order.yaml", include_str!("../../../../../demo/rules/order.yaml")),
    ("systems/erp.yaml", include_str!("../../../../../demo/systems/erp.yaml")),
    ("systems/mes-de.yaml", include_str!("../../../../../demo/systems/mes-de.yaml")),
    ("systems/mes-pl.yaml", include_str!("../../../../../demo/systems/mes-pl.yaml")),
    ("systems/wms.yaml", include_str!("../../../../../demo/systems/wms.yaml")),
    (
        "systems/maps/erp-cancel-confirmation.vrl",
        include_str!("../../../../../demo/systems/maps/erp-cancel-confirmation.vrl"),
    ),
    ("systems/maps/erp-confirmation.vrl", include_str!("../../../../../demo/systems/maps/erp-confirmation.vrl")),
    ("systems/maps/erp-consumption.vrl", include_str!("../../../../../demo/systems/maps/erp-consumption.vrl")),
    ("systems/maps/erp-goods-movement.vrl", include_str!("../../../../../demo/systems/maps/erp-goods-movement.vrl")),
    ("systems/maps/erp-material.vrl", include_str!("../../../../../demo/systems/maps/erp-material.vrl")),
    (
        "systems/maps/erp-production-order.vrl",
        include_str!("../../../../../demo/systems/maps/erp-production-order.vrl"),
    ),
    (
        "systems/maps/erp-scrap-confirmation.vrl",
        include_str!("../../../../../demo/systems/maps/erp-scrap-confirmation.vrl"),
    ),
    ("systems/maps/erp-scrap.vrl", include_str!("../../../../../demo/systems/maps/erp-scrap.vrl")),
    ("systems/maps/mes-completion.vrl", include_str!("../../../../../demo/systems/maps/mes-completion.vrl")),
    ("systems/maps/mes-consumption.vrl", include_str!("../../../../../demo/systems/maps/mes-consumption.vrl")),
    ("systems/maps/mes-de-order.vrl", include_str!("../../../../../demo/systems/maps/mes-de-order.vrl")),
    ("systems/maps/mes-move.vrl", include_str!("../../../../../demo/systems/maps/mes-move.vrl")),
    ("systems/maps/mes-pl-order.vrl", include_str!("../../../../../demo/systems/maps/mes-pl-order.vrl")),
    ("systems/maps/mes-scrap.vrl", include_str!("../../../../../demo/systems/maps/mes-scrap.vrl")),
    ("systems/maps/wms-consumption.vrl", include_str!("../../../../../demo/systems/maps/wms-consumption.vrl")),
    ("systems/maps/wms-move.vrl", include_str!("../../../../../demo/systems/maps/wms-move.vrl")),
    ("systems/maps/wms-scrap.vrl", include_str!("../../../../../demo/systems/maps/wms-scrap.vrl")),
    ("systems/schemas/erp-material.json", include_str!("../../../../../demo/systems/schemas/erp-material.json")),
    (
        "systems/schemas/erp-production-order.json",
        include_str!("../../../../../demo/systems/schemas/erp-production-order.json"),
    ),
    ("systems/schemas/mes-completion.json", include_str!("../../../../../demo/systems/schemas/mes-completion.json")),
    ("systems/schemas/mes-consumption.json", include_str!("../../../../../demo/systems/schemas/mes-consumption.json")),
    ("systems/schemas/mes-move.json", include_str!("../../../../../demo/systems/schemas/mes-move.json")),
    ("systems/schemas/mes-order.json", include_str!("../../../../../demo/systems/schemas/mes-order.json")),
    ("systems/schemas/mes-scrap.json", include_str!("../../../../../demo/systems/schemas/mes-scrap.json")),
    ("systems/schemas/wms-issue.json", include_str!("../../../../../demo/systems/schemas/wms-issue.json")),
    ("systems/schemas/wms-move.json", include_str!("../../../../../demo/systems/schemas/wms-move.json")),
];

/// Writes the project into `directory`, which is made if it is not there.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(directory: &Path) -> io::Result<()> {
    for (path, content) in FILES {
        let file = directory.join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    fn walk(root: &Path, below: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(root.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                walk(root, &path, found);
            } else {
                found.insert(path.to_str().unwrap().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_demo_project_is_carried() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../demo");
        let mut there = BTreeSet::new();
        walk(&root, Path::new(""), &mut there);
        there.retain(|path| !path.contains(".samples/"));
        let carried: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(carried, there);
    }
}
