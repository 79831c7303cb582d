//! C-20 to C-29: flows of TCP, how long they and others live, and what a router must not make of sequence numbers.

mod life;
mod live;

mod odd;
mod resets;
mod reuse;
mod script;
mod states;
