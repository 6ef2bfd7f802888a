//! Items and namespaces in order.

use std::ops::ControlFlow;

use super::super::{Engine, EngineError, records::decode};
use crate::{
    items::{Item, ItemKey, ItemRecord, Namespace, NamespaceCondition},
    store::{Direction, StoreError, keys},
    turn::TenantId,
};

/// A part of a namespace's items.
#[derive(Clone, Debug)]
pub struct ItemPage {
    /// By key.
    pub items: Vec<Item>,
    /// There are more behind them.
    pub more: bool,
}

/// Which namespaces are listed.
#[derive(Clone, Debug, Default)]
pub struct NamespaceRequest {
    /// All of these must hold.
    pub conditions: Vec<NamespaceCondition>,
    /// Cut to so many labels, each once; whole if 0.
    pub depth: usize,
    /// Behind this one, as it was shown.
    pub after: Option<Namespace>,
    /// Leaves so many out.
    pub skip: usize,
    /// So many.
    pub limit: usize,
}

/// A part of the namespaces that hold items.
#[derive(Clone, Debug)]
pub struct NamespacePage {
    /// In the order of their labels.
    pub namespaces: Vec<Namespace>,
    /// There are more behind them.
    pub more: bool,
}

impl Engine {
    /// Lists the items of one namespace, from behind a key.
    ///
    /// # Errors
    /// `Store`.
    pub fn list_items(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        after: Option<&ItemKey>,
        limit: usize,
    ) -> Result<ItemPage, EngineError> {
        let (start, end) = keys::prefix_range(&keys::items_of(tenant, namespace));
        let start = match after {
            Some(after) => keys::prefix_range(&keys::item(tenant, namespace, after)).1,
            None => start,
        };
        let mut page = ItemPage { items: Vec::new(), more: false };
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            if page.items.len() == limit {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            page.items.push(item_of(tenant, key, &value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(page)
    }

    /// Lists the namespaces that hold items.
    ///
    /// # Errors
    /// `Store`.
    pub fn list_namespaces(
        &self,
        tenant: &TenantId,
        request: &NamespaceRequest,
    ) -> Result<NamespacePage, EngineError> {
        let fixed = request.conditions.iter().map(NamespaceCondition::fixed_prefix);
        let fixed = fixed.max_by_key(|labels| labels.len()).unwrap_or_default();
        let (mut start, end) = keys::prefix_range(&keys::namespaces_below(tenant, fixed));
        if let Some(after) = &request.after {
            // All that a cut one stands for lies behind it.
            let cut = request.depth > 0 && after.labels().len() == request.depth;
            let shown = if cut {
                keys::namespaces_below(tenant, after.labels())
            } else {
                keys::namespace(tenant, after)
            };
            start = start.max(keys::prefix_range(&shown).1);
        }
        let mut page = NamespacePage { namespaces: Vec::new(), more: false };
        let (mut last, mut skipped) = (None, 0);
        if start >= end {
            return Ok(page);
        }
        self.store.scan_keys(&start, &end, &mut |key| {
            let namespace = namespace_of(tenant, key)?;
            if !request.conditions.iter().all(|condition| condition.holds(&namespace)) {
                return Ok(ControlFlow::Continue(()));
            }
            let shown = if request.depth > 0 { namespace.cut(request.depth) } else { namespace };
            if last.as_ref() == Some(&shown) {
                return Ok(ControlFlow::Continue(()));
            }
            last = Some(shown.clone());
            if skipped < request.skip {
                skipped += 1;
                return Ok(ControlFlow::Continue(()));
            }
            if page.namespaces.len() == request.limit {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            page.namespaces.push(shown);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(page)
    }
}

/// The item that is stored under a key.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn item_of(tenant: &TenantId, key: &[u8], value: &[u8]) -> Result<Item, StoreError> {
    let (namespace, name) = named(tenant, key)?;
    let name = name.ok_or_else(|| misnamed(key))?;
    Ok(decode::<ItemRecord>(key, value)?.named(namespace, name))
}

/// The namespace that a key names.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn namespace_of(tenant: &TenantId, key: &[u8]) -> Result<Namespace, StoreError> {
    named(tenant, key).map(|(namespace, _)| namespace)
}

fn named(tenant: &TenantId, key: &[u8]) -> Result<(Namespace, Option<ItemKey>), StoreError> {
    let (labels, name) = keys::item_name(tenant, key).ok_or_else(|| misnamed(key))?;
    let labels = labels.into_iter().map(str::to_owned).collect();
    let namespace = Namespace::new(labels).map_err(|_| misnamed(key))?;
    let name = name.map(|name| ItemKey::new(name.to_owned())).transpose();
    Ok((namespace, name.map_err(|_| misnamed(key))?))
}

fn misnamed(key: &[u8]) -> StoreError {
    let detail = "the key names no item".to_owned();
    StoreError::Corrupt { key: super::super::records::hex(key), detail }
}
