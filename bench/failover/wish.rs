//! What the command line asks for. Must never know: how anything is measured.

use crate::load::Load;
use std::path::PathBuf;

/// What the command line asks for.
pub struct Wish {
    pub repeats: usize,
    pub fault: Option<String>,
    pub flap: Option<u64>,
    pub load: Load,
    pub binary: PathBuf,
    pub seed: u64,
    pub json: Option<PathBuf>,
}

impl Wish {
    /// Reads it.
    ///
    /// # Errors
    /// One sentence: what in it cannot be.
    pub fn read() -> Result<Self, String> {
        let seed = flowpin::clock::wall().as_nanos() as u64;
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_flowpin"));
        let mut wish = Self { repeats: 30, fault: None, flap: None, load: Load::default(), binary, seed, json: None };
        // cargo says `--bench` when it benches; without it (`cargo test --benches`) this is a test.
        let (mut benching, mut said) = (false, false);
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
            match word.as_str() {
                "--repeats" => (wish.repeats, said) = (number(value()?)? as usize, true),
                "--fault" => wish.fault = Some(value()?).filter(|fault| fault != "all"),
                "--flap" => (wish.flap, said) = (Some(number(value()?)?), true),
                "--routes" => wish.load.routes = number(value()?)? as u32,
                "--routes6" => wish.load.routes6 = number(value()?)? as u32,
                "--flows" => wish.load.flows = number(value()?)? as u32,
                "--binary" => wish.binary = value()?.into(),
                "--seed" => wish.seed = number(value()?)?,
                "--json" => wish.json = Some(value()?.into()),
                "--bench" => benching = true,
                "--test" => {}
                _ => {
                    return Err(format!(
                        "unknown option {word}: known are --repeats N, --fault NAME, --flap SECONDS, --routes N, --routes6 N, --flows N, \
                         --binary FILE, --seed N, --json FILE"
                    ));
                }
            }
        }
        if !benching && !said {
            wish.repeats = 1;
            wish.load = Load { routes: 1000, routes6: 1000, flows: 5000 };
        }
        Ok(wish)
    }
}
