//! The small working project that `lineshaft init` writes: a plant reports completions, the ERP gets them.
//!
//! The files are those of `starter/`, word for word; a test checks that they have no problems. No secret is among them.

/// Path and text of every file, in the order in which a newcomer should read them.
pub fn starter() -> Vec<(&'static str, &'static str)> {
    vec![
        ("lineshaft.yaml", include_str!("starter/lineshaft.yaml")),
        ("systems/mes.yaml", include_str!("starter/systems/mes.yaml")),
        ("systems/erp.yaml", include_str!("starter/systems/erp.yaml")),
        (
            "model/production.completion.reported@1.json",
            include_str!("starter/model/production.completion.reported@1.json"),
        ),
        ("systems/maps/mes-completion.vrl", include_str!("starter/systems/maps/mes-completion.vrl")),
        (
            "systems/maps/mes-completion.samples/plain.in.json",
            include_str!("starter/systems/maps/mes-completion.samples/plain.in.json"),
        ),
        (
            "systems/maps/mes-completion.samples/plain.out.json",
            include_str!("starter/systems/maps/mes-completion.samples/plain.out.json"),
        ),
    ]
}
