//! Materials, units and orders as the ERP keeps them, and the documents in which it tells others about them.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::book::Tally;
use super::odata::{Refusal, compact_time, date, three};

/// A unit that is so many base units: `denominator` of it are `numerator` of the base unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The ERP's own code: `CAR`.
    pub unit: String,
    /// Base units.
    pub numerator: u32,
    /// Of this unit.
    pub denominator: u32,
}

/// A material master record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Number.
    pub number: String,
    /// Description in English.
    pub text: String,
    /// `FERT`, `ROH`, …
    pub kind: String,
    /// Base unit, the ERP's own code: `PC`, `KG`.
    pub base_unit: String,
    /// Other units.
    pub alternatives: Vec<Alternative>,
    /// The plants in which it is maintained.
    pub plants: Vec<String>,
}

impl Material {
    /// A material without alternative units, maintained in `plants`.
    pub fn new(number: &str, text: &str, kind: &str, base_unit: &str, plants: &[&str]) -> Self {
        Self {
            number: number.to_owned(),
            text: text.to_owned(),
            kind: kind.to_owned(),
            base_unit: base_unit.to_owned(),
            alternatives: Vec::new(),
            plants: plants.iter().map(|&plant| plant.to_owned()).collect(),
        }
    }

    /// The same with one more unit.
    pub fn unit(mut self, unit: &str, numerator: u32, denominator: u32) -> Self {
        self.alternatives.push(Alternative { unit: unit.to_owned(), numerator, denominator });
        self
    }

    /// `quantity` of `unit` (the ERP's code or the ISO code) in the base unit.
    pub(super) fn in_base(&self, quantity: Decimal, unit: &str) -> Result<Decimal, Refusal> {
        let own = own_code(unit);
        if own.is_empty() || own == self.base_unit {
            return Ok(quantity);
        }
        let found = self.alternatives.iter().find(|alternative| alternative.unit == own);
        let factor = found.and_then(|it| {
            quantity.checked_mul(Decimal::from(it.numerator))?.checked_div(Decimal::from(it.denominator))
        });
        factor.map(|it| it.normalize()).ok_or_else(|| {
            Refusal::new(400, "M7/141", format!("Unit {unit} is not defined for material {}", self.number))
        })
    }

    /// The document that tells others about this material.
    pub(super) fn document(&self, micros: i64) -> Value {
        let number = &self.number;
        let plants =
            self.plants.iter().map(|it| json!({"Product": number, "Plant": it, "IsBatchManagementRequired": true}));
        let units = self.alternatives.iter().map(|it| {
            json!({"Product": number, "AlternativeUnit": it.unit, "AlternativeUnitISOCode": iso_code(&it.unit),
                   "QuantityNumerator": it.numerator.to_string(), "QuantityDenominator": it.denominator.to_string(),
                   "BaseUnit": self.base_unit})
        });
        json!({
            "Product": number, "ProductType": self.kind, "ProductGroup": "PUMP",
            "BaseUnit": self.base_unit, "BaseUnitISOCode": iso_code(&self.base_unit), "IsMarkedForDeletion": false,
            "LastChangeDateTime": format!("/Date({})/", micros.div_euclid(1_000)),
            "to_Description": [{"Product": number, "Language": "EN", "ProductDescription": self.text}],
            "to_Plant": plants.collect::<Vec<_>>(),
            "to_ProductUnitsOfMeasure": units.collect::<Vec<_>>(),
        })
    }
}

/// (the ERP's own code, ISO code)
const UNITS: [(&str, &str); 7] =
    [("PC", "PCE"), ("KG", "KGM"), ("G", "GRM"), ("CAR", "CT"), ("L", "LTR"), ("M", "MTR"), ("MIN", "MIN")];

/// The ERP's code for an ISO code; anything else stays as it is.
pub(super) fn own_code(unit: &str) -> &str {
    UNITS.iter().find(|(_, iso)| *iso == unit).map_or(unit, |(own, _)| own)
}

fn iso_code(unit: &str) -> &str {
    UNITS.iter().find(|(own, _)| *own == unit).map_or(unit, |(_, iso)| iso)
}

/// What an order needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Material number.
    pub material: String,
    /// In the material's base unit.
    pub quantity: Decimal,
    /// Storage location.
    pub location: String,
    /// Whether the ERP takes it out of stock by itself when a confirmation tells no goods movements.
    pub backflush: bool,
}

/// A production order with one operation, `0010`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Twelve digits with leading zeros.
    pub number: String,
    /// Plant.
    pub plant: String,
    /// What is made.
    pub material: String,
    /// How much, in the material's base unit.
    pub quantity: Decimal,
    /// Where it is made.
    pub work_center: String,
    /// Where it goes.
    pub location: String,
    /// What it needs.
    pub components: Vec<Component>,
    /// Released: without it nothing may be posted.
    pub released: bool,
    /// Technically completed.
    pub completed: bool,
    /// Closed.
    pub closed: bool,
    /// The user who has it open.
    pub locked_by: Option<String>,
    /// Over-delivery tolerance in percent.
    pub tolerance_percent: u32,
    /// Whether the ERP receives the yield into stock by itself when a confirmation tells no goods movements.
    pub auto_receipt: bool,
    /// When it was created and last changed, in microseconds since 1970; the ERP sets both.
    pub(super) created: i64,
    pub(super) changed: i64,
}

impl Order {
    /// A released order without components, tolerance 10 %.
    pub fn new(number: &str, plant: &str, material: &str, quantity: Decimal) -> Self {
        Self {
            number: number.to_owned(),
            plant: plant.to_owned(),
            material: material.to_owned(),
            quantity,
            work_center: "CNC-07".to_owned(),
            location: "0002".to_owned(),
            components: Vec::new(),
            released: true,
            completed: false,
            closed: false,
            locked_by: None,
            tolerance_percent: 10,
            auto_receipt: false,
            created: 0,
            changed: 0,
        }
    }

    /// The same with one more component, taken from location `0001`.
    pub fn component(self, material: &str, quantity: Decimal) -> Self {
        self.needs(material, quantity, false)
    }

    /// The same with one more component, which the ERP takes from location `0001` by itself (backflush).
    pub fn backflushed(self, material: &str, quantity: Decimal) -> Self {
        self.needs(material, quantity, true)
    }

    fn needs(mut self, material: &str, quantity: Decimal, backflush: bool) -> Self {
        let (material, location) = (material.to_owned(), "0001".to_owned());
        self.components.push(Component { material, quantity, location, backflush });
        self
    }

    /// The same with automatic receipt of the yield.
    pub fn received(mut self) -> Self {
        self.auto_receipt = true;
        self
    }

    /// The same at another work centre.
    pub fn at(mut self, work_center: &str) -> Self {
        self.work_center = work_center.to_owned();
        self
    }

    /// The most that may be confirmed as yield.
    pub(super) fn limit(&self) -> Decimal {
        self.quantity * Decimal::from(100 + self.tolerance_percent) / Decimal::from(100)
    }

    /// The snapshot that tells others about this order. `done` is what was confirmed, and what was withdrawn of each
    /// component; `unit_of` gives base units.
    pub(super) fn document(&self, done: &Tally, unit_of: impl Fn(&str) -> String) -> Value {
        let flag = |set: bool| if set { "X" } else { "" };
        let (number, unit, day) = (&self.number, unit_of(&self.material), date(self.created));
        let components = self.components.iter().enumerate().map(|(at, it)| {
            let unit = unit_of(&it.material);
            let withdrawn = done.withdrawn.get(&it.material).copied().unwrap_or_default();
            json!({"ManufacturingOrder": number, "Reservation": format!("{:0>10}", number.trim_start_matches('0')),
                   "ReservationItem": format!("{:04}", at + 1), "Material": it.material, "Plant": self.plant,
                   "StorageLocation": it.location, "Batch": "", "RequiredQuantity": three(it.quantity),
                   "WithdrawnQuantity": three(withdrawn), "BaseUnit": unit, "BaseUnitISOCode": iso_code(&unit),
                   "GoodsMovementType": "261", "MatlCompIsMarkedForBackflush": it.backflush})
        });
        json!({
            "ManufacturingOrder": number, "ManufacturingOrderType": "PP01", "ManufacturingOrderCategory": "10",
            "Material": self.material, "ProductionPlant": self.plant, "Plant": self.plant, "MRPController": "001",
            "ProductionVersion": "0001", "StorageLocation": self.location, "TotalQuantity": three(self.quantity),
            "MfgOrderPlannedScrapQty": "0.000", "MfgOrderConfirmedYieldQty": three(done.yielded),
            "ProductionUnit": unit, "ProductionUnitISOCode": iso_code(&unit),
            "ProductionUnitSAPCode": if unit == "PC" { "ST" } else { &unit },
            "MfgOrderPlannedStartDate": day, "MfgOrderPlannedStartTime": "PT06H00M00S",
            "MfgOrderPlannedEndDate": day, "MfgOrderPlannedEndTime": "PT14H00M00S",
            "MfgOrderActualReleaseDate": if self.released { Value::from(day.clone()) } else { Value::Null },
            "LastChangeDateTime": compact_time(self.changed),
            "OrderIsCreated": flag(!self.released), "OrderIsReleased": flag(self.released),
            "OrderIsTechnicallyCompleted": flag(self.completed), "OrderIsClosed": flag(self.closed),
            "OrderIsLocked": "", "OrderIsMarkedForDeletion": "",
            "to_ProductionOrderOperation": [{
                "ManufacturingOrder": number, "ManufacturingOrderSequence": "0", "ManufacturingOrderOperation": "0010",
                "WorkCenter": self.work_center, "OperationControlProfile": "PP01",
                "OpPlannedTotalQuantity": three(self.quantity), "OperationUnit": unit}],
            "to_ProductionOrderComponent": components.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_to_the_base_unit_by_either_code() {
        let pump = Material::new("1", "Pump", "FERT", "PC", &["DE10"]).unit("CAR", 12, 1).unit("G", 1, 1_000);
        for (quantity, unit, base) in
            [("8", "CAR", "96"), ("8", "CT", "96"), ("5", "PCE", "5"), ("24500", "GRM", "24.5")]
        {
            assert_eq!(pump.in_base(quantity.parse().unwrap(), unit).unwrap(), base.parse().unwrap(), "{unit}");
        }
        assert_eq!(pump.in_base(Decimal::ONE, "BAG").unwrap_err().code, "M7/141");
    }
}
