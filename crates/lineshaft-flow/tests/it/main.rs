//! Tests of whole project directories: text in, problems or a compiled project out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broken;

mod demo;

mod formats;

mod files;

mod odata;

mod schemas;

mod golden;

mod library;

mod realdata;
