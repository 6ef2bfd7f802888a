//! Totals since the start by tenant, of a bounded number of tenants.

use std::collections::BTreeMap;

use crate::turn::TenantId;

/// Tenants whose totals are told apart; all others are told together.
pub(super) const MAX_TENANTS: usize = 256;

/// Totals since the start: of so many tenants, and of all others together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantTotals<T> {
    /// By tenant.
    pub tenants: BTreeMap<TenantId, T>,
    /// Of the tenants beyond the bound.
    pub others: T,
}

impl<T: Default> TenantTotals<T> {
    /// The totals that a tenant's amounts go to.
    pub(crate) fn of(&mut self, tenant: &TenantId) -> &mut T {
        let has_room = self.tenants.len() < MAX_TENANTS || self.tenants.contains_key(tenant);
        if has_room { self.tenants.entry(tenant.clone()).or_default() } else { &mut self.others }
    }
}
