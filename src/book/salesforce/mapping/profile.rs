//! The mappings that come with the gateway.

use super::{Mapping, Problems};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// CollectXpert's custom objects.
    CollectXpert,
    /// Salesforce Collections and Recovery: `CollectionPlan`, with custom fields.
    CollectionsAndRecovery,
}

impl Profile {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::CollectXpert, Self::CollectionsAndRecovery];

    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CollectXpert => "collectxpert",
            Self::CollectionsAndRecovery => "collections-and-recovery",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Its text, for people who write their own.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::CollectXpert => include_str!("../../../../config/salesforce/collectxpert.toml"),
            Self::CollectionsAndRecovery => {
                include_str!("../../../../config/salesforce/collections-and-recovery.toml")
            }
        }
    }

    /// Its mapping, with another namespace where one is given.
    ///
    /// # Errors
    /// [`Problems`] where the namespace is none.
    pub fn mapping(self, namespace: Option<&str>) -> Result<Mapping, Problems> {
        let mut mapping = Mapping::read(self.text(), namespace)?;
        mapping.origin.profile = Some(self);
        Ok(mapping)
    }
}
