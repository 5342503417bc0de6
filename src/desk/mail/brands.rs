//! Which brand a thread is of: that of the support address it is answered from (OBJ-37, OBJ-65).
//!
//! **Invariant:** a thread's brand is never kept beside its address, so that the two cannot differ: mails, pages and the
//! API all ask here.

use crate::desk::Brand;
use crate::desk::Settings;
use crate::desk::SupportAddress;
use crate::domain::address::Address;

impl Settings {
    /// The address that answers what came to `address`: itself while it is ours, else the main one.
    pub(crate) fn answering(&self, address: Option<&Address>) -> &SupportAddress {
        let known = self.support.iter().find(|support| Some(&support.address) == address);
        known.unwrap_or(&self.main_address)
    }

    /// The brand of a thread that came to `address`; none is the workspace's own (OBJ-37).
    #[must_use]
    pub fn brand_of(&self, address: Option<&Address>) -> Option<&Brand> {
        let id = self.answering(address).brand.as_ref()?;
        self.brands.iter().find(|brand| brand.id == *id)
    }

    /// The first support address of a brand, by its id; without one, of the workspace's own (OBJ-11).
    #[must_use]
    pub fn first_address(&self, brand: Option<&str>) -> Option<&SupportAddress> {
        self.support.iter().find(|support| support.brand.as_deref() == brand)
    }
}
