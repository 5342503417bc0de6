//! Which brand a thread is of: that of the support address it is answered from (OBJ-37, OBJ-65).
//!
//! **Invariant:** a thread's brand is never kept beside its address, so that the two cannot differ: mails, pages and the
//! API all ask here.

use crate::desk::Brand;
use crate::desk::Settings;
use crate::desk::SupportAddress;
use crate::domain::address::Address;

impl Settings {
    /// What the configuration says of a support address; `None` for any other.
    #[must_use]
    pub fn support_at(&self, address: &Address) -> Option<&SupportAddress> {
        self.support.iter().find(|support| support.address == *address)
    }

    /// The address that answers what came to `address`: itself while it is ours, else the main one.
    pub(crate) fn answering(&self, address: Option<&Address>) -> &SupportAddress {
        address.and_then(|address| self.support_at(address)).unwrap_or(&self.main_address)
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
