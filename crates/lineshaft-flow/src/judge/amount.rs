//! How much, in the unit in which the object is counted: one object, one unit, conversions exact.

use lineshaft_model::decimal::Decimal;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::object::ObjectState;
use lineshaft_model::tree::{Path, Tree};
use lineshaft_model::unit::{MATERIAL_TABLE, convert};

use super::rule::{UNIT_FACT, UnitRule};
use super::{Scene, naming, unit_fault};

/// How a touch's quantities become those of its object.
pub struct Measure {
    /// From the event's unit to the object's, by the units of a material; nothing is converted without.
    conversion: Option<Conversion>,
    /// The unit to be kept with the object, where it has none yet or a snapshot tells a new one.
    pub told: Option<String>,
}

struct Conversion {
    from: String,
    to: String,
    material: String,
}

impl Measure {
    /// Fails with [`Code::JudgeUnit`] if the object is counted in another unit, and waits for a material that is not known.
    pub fn of(scene: &Scene<'_>, before: &ObjectState) -> Result<Self, Fault> {
        let Some(rule) = &scene.touch.unit else { return Ok(Self { conversion: None, told: None }) };
        let from = text(scene, &rule.path, "unit")?;
        let conversion = conversion(scene, rule, from)?;
        let unit = conversion.as_ref().map_or(from, |it| it.to.as_str()).to_owned();
        let told = match before.facts.get(UNIT_FACT) {
            Some(known) if *known == unit => None,
            // A new snapshot may change the unit while nothing is counted in the old one.
            Some(_) if before.totals.is_empty() && !scene.touch.quantities.is_empty() => Some(unit),
            Some(known) => {
                return Err(unit_fault(scene.object, &format!("it is counted in {known}, and this is in {unit}"))
                    .at(rule.path.as_str()));
            }
            None => Some(unit),
        };
        Ok(Self { conversion, told })
    }

    /// The quantity at `path`; `None` where there is none.
    pub fn quantity(&self, scene: &Scene<'_>, path: &Path) -> Result<Option<Decimal>, Fault> {
        let Some(text) = naming::value(path, scene.item, scene.data).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let refused = |why: &str| unit_fault(scene.object, why).at(path.as_str());
        let quantity = Decimal::parse(text).map_err(|error| refused(&error.to_string()))?;
        match &self.conversion {
            None => Ok(Some(quantity)),
            Some(it) => convert(quantity, &it.from, &it.to, Some(&it.material), scene.catalog, None)
                .map(Some)
                .map_err(|fault| if fault.code == Code::MapUnit { refused(&fault.message) } else { fault }),
        }
    }
}

fn conversion(scene: &Scene<'_>, rule: &UnitRule, from: &str) -> Result<Option<Conversion>, Fault> {
    let Some(path) = &rule.material else { return Ok(None) };
    let material = text(scene, path, "material")?;
    let record = scene
        .catalog
        .get(MATERIAL_TABLE, material)
        .ok_or_else(|| Fault::unknown_reference(MATERIAL_TABLE, material).at(path.as_str()))?;
    let Some(base) = record.get("base_unit").and_then(Tree::scalar) else {
        return Err(unit_fault(scene.object, &format!("material {material:?} has no base_unit")).at(path.as_str()));
    };
    Ok(Some(Conversion { from: from.to_owned(), to: base.to_owned(), material: material.to_owned() }))
}

fn text<'a>(scene: &'a Scene<'_>, path: &Path, what: &str) -> Result<&'a str, Fault> {
    let found = naming::value(path, scene.item, scene.data).filter(|text| !text.is_empty());
    found.ok_or_else(|| unit_fault(scene.object, &format!("the event says no {what}")).at(path.as_str()))
}
