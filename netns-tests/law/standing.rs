//! Imports that still make a circle or go up a row, each until its cut. An entry that breaks nothing any more fails the
//! test, and nothing is ever added.

/// Who imports, and from whom.
pub const STANDING: &[(&str, &str)] = &[
];
