//! C-40 to C-49: prefix translation, neutral or by prefix alone, keeps no state and never takes two addresses for one.

mod errors;
mod headers;
mod hosts;
mod live;
mod state;
mod vectors;

/// A server outside of every prefix here.
const SERVER: &str = "3fff::10";

/// A configuration in which fiber alone carries IPv6, by one neutral translator.
fn translator(inside: &str, outside: &str) -> String {
    format!(
        "[downstream]\ninterface = \"lan0\"\nprefixes = [\"10.250.250.0/29\", \"{inside}\"]\n\
         [[wan]]\nname = \"fiber\"\ninterface = \"wan0\"\n\
         [wan.nptv6]\ninside = \"{inside}\"\noutside = \"{outside}\"\nmode = \"rfc6296\"\n\
         [[wan]]\nname = \"cable\"\ninterface = \"wan1\"\nvlan = 3242\n\
         [wan.nat44]\n\"10.250.250.2\" = \"198.51.100.2\"\n"
    )
}
