//! The functions of maps as a person reads of them: for the reference page.

use super::{FUNCTIONS, closures, native};

/// One of our own functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it gives.
    pub about: &'static str,
    /// Its arguments in their order: name, whether it must be given, what it is.
    pub arguments: Vec<(&'static str, bool, &'static str)>,
}

/// Our own functions, by what they are for.
pub fn own() -> Vec<(&'static str, Vec<Described>)> {
    let lists = closures::functions().iter().map(|function| function.identifier()).collect();
    let groups = native::groups().chain(std::iter::once(("Lists", lists)));
    groups.map(|(group, names)| (group, names.into_iter().filter_map(described).collect())).collect()
}

/// Names of VRL's own functions that a map may use.
pub fn of_vrl() -> Vec<&'static str> {
    let own: Vec<_> = own().into_iter().flat_map(|(_, functions)| functions).map(|function| function.name).collect();
    let names = FUNCTIONS.iter().map(|function| function.identifier());
    let mut names: Vec<_> = names.filter(|name| !own.contains(name)).collect();
    names.sort_unstable();
    names
}

fn described(name: &'static str) -> Option<Described> {
    let function = FUNCTIONS.iter().find(|function| function.identifier() == name)?;
    let arguments = function.parameters().iter().map(|it| (it.keyword, it.required, it.description));
    Some(Described { name, about: function.usage(), arguments: arguments.collect() })
}
