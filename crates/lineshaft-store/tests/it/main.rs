//! The conformance suite of the store: what every engine behind it must do, told through its public verbs.

mod accepting;

mod releasing;

mod line_of_a_key;

mod awaiting;

mod deciding;

mod ledger;

mod expiring;

mod late;

mod damage;

mod reversing;
mod splitting;

mod scene;
