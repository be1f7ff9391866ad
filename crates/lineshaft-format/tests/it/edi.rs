//! X12 and EDIFACT at their boundary: documents in, trees or faults out, and back.

mod sample;

mod reading;

mod envelopes;

mod writing;

mod hostile;

mod realdata;

mod speed;
