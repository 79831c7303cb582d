//! Tests of claims, one file per claim, most of them in the lab: real kernel, real programs as peers. They need root.
//! `lab` is the harness; it and each test make namespaces of their own, so tests run side by side.

mod lab;

mod kernel_side;
mod ports;
mod topology;
