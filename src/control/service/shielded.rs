//! The kernel side while public addresses come and go: none is used before the kernel is kept from answering for it.
//! Must never know: who gives them.

use super::Faults;
use crate::control::kernel::Kernel;
use ipnet::IpNet;
use std::collections::HashSet;

/// The kernel side, and what it keeps from the kernel.
pub struct Shielded<'a> {
    pub kernel: &'a mut Kernel,
    /// Public addresses and prefixes behind the shield.
    pub owned: Vec<IpNet>,
}

impl Shielded<'_> {
    /// Before `owned` is put in force: takes it behind the shield, beside what is there, for workers go on by what was in
    /// force until they hear of it. Whether something is left there that is not owned any more.
    ///
    /// # Errors
    /// A sentence; the old shield stands then.
    pub async fn widen(&mut self, owned: &[IpNet]) -> Result<bool, String> {
        let held: HashSet<_> = self.owned.iter().collect();
        let new: Vec<_> = owned.iter().filter(|net| !held.contains(net)).copied().collect();
        if !new.is_empty() {
            let both = [&self.owned[..], &new].concat();
            self.kernel.guard(&both).await?;
            self.owned = both;
        }
        Ok(self.owned.len() > owned.len())
    }

    /// Makes the kernel side whole again, with `owned` behind the shield and nothing else. `anew`: also if that is so
    /// already, for there is a link that is not shielded yet. What stays missing, as sentences.
    pub async fn mend(&mut self, owned: &[IpNet], anew: bool) -> Faults {
        let mut faults = Vec::new();
        if anew || self.owned != owned {
            match self.kernel.guard(owned).await {
                Ok(()) => self.owned = owned.to_vec(),
                Err(sentence) => faults.push(sentence),
            }
        }
        faults.extend(self.kernel.repair().await.err().unwrap_or_default());
        faults
    }
}
