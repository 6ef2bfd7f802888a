//! Enums of facts, both ways.

use throughline_memory::{
    engine::FieldViolation,
    facts::{Authority, FactKind, Origin, Owner, Retirement},
};

use crate::pb;

pub(super) fn kind_from_proto(kind: i32) -> Result<FactKind, FieldViolation> {
    match pb::FactKind::try_from(kind) {
        Ok(pb::FactKind::Instruction) => Ok(FactKind::Instruction),
        Ok(pb::FactKind::Preference) => Ok(FactKind::Preference),
        Ok(pb::FactKind::Fact) => Ok(FactKind::Fact),
        Ok(pb::FactKind::Decision) => Ok(FactKind::Decision),
        Ok(pb::FactKind::Commitment) => Ok(FactKind::Commitment),
        Ok(pb::FactKind::Consent) => Ok(FactKind::Consent),
        Ok(pb::FactKind::Identifier) => Ok(FactKind::Identifier),
        Ok(pb::FactKind::Unspecified) => Err(FieldViolation::new("fact.kind", "is required")),
        Err(_) => Err(FieldViolation::new("fact.kind", format!("{kind} is not a FactKind"))),
    }
}

pub(super) fn kind_to_proto(kind: FactKind) -> pb::FactKind {
    match kind {
        FactKind::Instruction => pb::FactKind::Instruction,
        FactKind::Preference => pb::FactKind::Preference,
        FactKind::Fact => pb::FactKind::Fact,
        FactKind::Decision => pb::FactKind::Decision,
        FactKind::Commitment => pb::FactKind::Commitment,
        FactKind::Consent => pb::FactKind::Consent,
        FactKind::Identifier => pb::FactKind::Identifier,
    }
}

/// Who pinned a fact, and how sure the detector was.
pub(super) fn origin_to_proto(origin: Origin) -> (pb::FactOrigin, f32) {
    match origin {
        Origin::Caller => (pb::FactOrigin::Caller, 0.0),
        Origin::Detector { probability, .. } => (pb::FactOrigin::Detector, probability),
    }
}

pub(super) fn owner_to_proto(owner: Owner) -> pb::FactOwner {
    match owner {
        Owner::Conversation => pb::FactOwner::Conversation,
        Owner::User => pb::FactOwner::User,
    }
}

/// Nothing for one that is not given.
pub(super) fn owner_from_proto(owner: i32) -> Result<Option<Owner>, FieldViolation> {
    match pb::FactOwner::try_from(owner) {
        Ok(pb::FactOwner::Unspecified) => Ok(None),
        Ok(pb::FactOwner::Conversation) => Ok(Some(Owner::Conversation)),
        Ok(pb::FactOwner::User) => Ok(Some(Owner::User)),
        Err(_) => Err(FieldViolation::new("fact.owner", format!("{owner} is not a FactOwner"))),
    }
}

/// How sure the detector was that pinned a fact of an export; nothing if the caller did.
pub(super) fn detected_from_proto(fact: &pb::Fact) -> Option<f32> {
    let detected = fact.origin == i32::from(pb::FactOrigin::Detector);
    detected.then(|| fact.probability.clamp(0.0, 1.0))
}

/// Nothing for one that is not given.
pub(super) fn authority_from_proto(authority: i32) -> Result<Option<Authority>, FieldViolation> {
    match pb::FactAuthority::try_from(authority) {
        Ok(pb::FactAuthority::Unspecified) => Ok(None),
        Ok(pb::FactAuthority::Low) => Ok(Some(Authority::Low)),
        Ok(pb::FactAuthority::Peer) => Ok(Some(Authority::Peer)),
        Ok(pb::FactAuthority::Manager) => Ok(Some(Authority::Manager)),
        Ok(pb::FactAuthority::Executive) => Ok(Some(Authority::Executive)),
        Ok(pb::FactAuthority::Policy) => Ok(Some(Authority::Policy)),
        Err(_) => {
            let why = format!("{authority} is not a FactAuthority");
            Err(FieldViolation::new("fact.authority", why))
        }
    }
}

pub(super) fn authority_to_proto(authority: Option<Authority>) -> pb::FactAuthority {
    match authority {
        None => pb::FactAuthority::Unspecified,
        Some(Authority::Low) => pb::FactAuthority::Low,
        Some(Authority::Peer) => pb::FactAuthority::Peer,
        Some(Authority::Manager) => pb::FactAuthority::Manager,
        Some(Authority::Executive) => pb::FactAuthority::Executive,
        Some(Authority::Policy) => pb::FactAuthority::Policy,
    }
}

pub(super) fn retirement_to_proto(why: Option<Retirement>) -> pb::FactRetirement {
    match why {
        None => pb::FactRetirement::Unspecified,
        Some(Retirement::Superseded) => pb::FactRetirement::Superseded,
        Some(Retirement::Expired) => pb::FactRetirement::Expired,
        Some(Retirement::Dependency) => pb::FactRetirement::Dependency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_authority_comes_back() {
        for kind in 1..=7 {
            let read = kind_from_proto(kind).unwrap();
            assert_eq!(i32::from(kind_to_proto(read)), kind);
        }
        for authority in 0..=5 {
            let read = authority_from_proto(authority).unwrap();
            assert_eq!(i32::from(authority_to_proto(read)), authority);
        }
        for owner in [Owner::Conversation, Owner::User] {
            assert_eq!(owner_from_proto(owner_to_proto(owner).into()).unwrap(), Some(owner));
        }
        assert_eq!(owner_from_proto(0).unwrap(), None);
        assert!(kind_from_proto(0).is_err() && authority_from_proto(6).is_err());
        assert!(owner_from_proto(3).is_err());
    }
}
