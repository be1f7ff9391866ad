//! A real node on real sockets against stand-ins that misbehave, judged by a judge that knows nothing of the node.

mod plant;

mod delivering;

mod awaiting;

mod deciding;

mod judging;

mod reversing;

mod stock;

mod restarting;

mod releasing;
mod together;

mod backlog;

mod files;

mod keeping;

mod clocks;

mod splitting;

mod suspects;
