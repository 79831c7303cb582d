//! What the router counted in a story, number by number. Must never know: bytes of packets.

use super::{At, ENDS, START, Step, Story};
use std::collections::BTreeMap;

impl Story {
    /// Every number of the report of `replay --json`, from the story.
    #[track_caller]
    pub fn assert_counts(&self, json: &str) {
        let report: serde_json::Value = serde_json::from_str(json).unwrap();
        let mut received = [0u64; 3];
        let mut sent = [0u64; 3];
        let mut drops: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        let (mut last, mut end) = (At::Inside, START);
        for (time, step) in self.timed() {
            match step {
                Step::In(at, _) => {
                    received[*at as usize] += 1;
                    (last, end) = (*at, time);
                }
                Step::Out(at, _) => sent[*at as usize] += 1,
                Step::Drop(reason) => {
                    let direction = if last == At::Inside { "outbound" } else { "inbound" };
                    *drops.entry(direction).or_default().entry(reason).or_default() += 1;
                }
                Step::GiveUp(reason) => *drops.entry("outbound").or_default().entry(reason).or_default() += 1,
                Step::Wait(_) => {}
            }
        }
        for (index, name) in ENDS.iter().enumerate() {
            let wanted = serde_json::json!({"name": name, "received": received[index], "sent": sent[index]});
            assert_eq!(report["ends"][index], wanted, "{}", self.name);
        }
        assert_eq!(report["drops"], serde_json::json!(drops), "{}", self.name);
        let flows = serde_json::json!({"created": self.flows, "expired": self.expired});
        assert_eq!(report["flows"], flows, "{}", self.name);
        assert_eq!(report["nanoseconds"], serde_json::json!(end - START), "{}", self.name);
        assert_eq!(report["damage"], serde_json::Value::Null);
    }
}
