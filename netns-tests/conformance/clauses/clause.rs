//! One clause of an RFC and where flowpin stands to it. Must never know: which clauses there are.

/// One clause.
#[derive(Debug)]
pub struct Clause {
    /// `REQ-1` or `§4.3.2.7`; without a comma, for a comma stands between clauses in an annotation.
    pub id: &'static str,
    /// What it asks, in a few words.
    pub rule: &'static str,
    pub state: State,
}

/// Where flowpin stands, and why where it does not do as the clause says.
#[derive(Debug)]
pub enum State {
    Met,
    Deviates(&'static str),
    NotYet(&'static str),
    NotApplicable(&'static str),
}

pub const fn clause(id: &'static str, rule: &'static str, state: State) -> Clause {
    Clause { id, rule, state }
}

pub const fn met(id: &'static str, rule: &'static str) -> Clause {
    clause(id, rule, State::Met)
}

pub const fn deviates(id: &'static str, rule: &'static str, why: &'static str) -> Clause {
    clause(id, rule, State::Deviates(why))
}

pub const fn not_yet(id: &'static str, rule: &'static str, why: &'static str) -> Clause {
    clause(id, rule, State::NotYet(why))
}

pub const fn not_applicable(id: &'static str, rule: &'static str, why: &'static str) -> Clause {
    clause(id, rule, State::NotApplicable(why))
}
