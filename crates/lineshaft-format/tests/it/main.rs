//! The codecs at their boundary: bytes in, tree or fault out, and back.

mod trees;

mod json;

mod xml;

mod csv;

mod hostile;

mod realdata;

mod edi;
